import { DisjointSets } from './disjoint-sets.ts';

/**
 * States of subvolumes, and which records name the same state.
 *
 * A state is the contents of a subvolume at one moment. The UUID in a send stream does not name it: a
 * subvolume keeps that UUID when it is made writable and changed. The ctransid (the transaction that
 * last changed the subvolume) distinguishes states, but each filesystem counts transactions for
 * itself. So a name of a state consists of filesystem, UUID and ctransid. A filesystem that receives
 * a state and sends it on uses its own ctransid, so one state can have several names.
 */

/** A state as one filesystem counts it. */
export interface StateRecord {
  /** UUID of the filesystem that counts; null if it is unknown. */
  readonly filesystem: string | null;
  /** The UUID that a stream of the state announces. */
  readonly uuid: string;
  /** The ctransid that a stream from `filesystem` announces; u64 in decimal. */
  readonly ctransid: string;
  /**
   * The ctransid in the stream from which `filesystem` received the state. The record does not say
   * which filesystem sent it. Null if the state was not received.
   */
  readonly sendTransid: string | null;
}

/** Tells which records name the same state. */
export interface States {
  /** A key that two records share only if a chain of records links them. */
  of(record: StateRecord): string;
}

/**
 * Links records that name the same state. Each record links its `ctransid` to its `sendTransid`. If
 * the filesystem of a ctransid is unknown, it is matched with the equal ctransid of a known
 * filesystem. If several known filesystems use it for states that are not linked otherwise, it is
 * matched with none.
 *
 * A filesystem can use one ctransid for two states, if it received both under one UUID and wrote
 * them in one transaction. Such a ctransid is ambiguous, so the `sendTransid` alone names these states.
 *
 * @param records all known records. A record whose names do not occur among them is a state of its
 *   own.
 */
export function linkStates(records: Iterable<StateRecord>): States {
  const sets = new DisjointSets();
  /**
   * Maps each name without a filesystem to the names with one that may mean the same state.
   */
  const known = new Map<string, Set<string>>();
  const unknown = new Set<string>();
  const note = (filesystem: string | null, uuid: string, ctransid: string): string => {
    const anywhere = nameOf(null, uuid, ctransid);
    const name = nameOf(filesystem, uuid, ctransid);
    if (filesystem === null) unknown.add(name);
    else if (!known.get(anywhere)?.add(name)) known.set(anywhere, new Set([name]));
    return name;
  };
  const all = [...records];
  const ambiguous = ambiguousNames(all);
  for (const { filesystem, uuid, ctransid, sendTransid } of all) {
    const name = note(filesystem, uuid, ctransid);
    if (sendTransid === null) continue;
    const announced = note(null, uuid, sendTransid);
    if (!ambiguous.has(name)) sets.join(name, announced);
  }
  // Repeat, because each join can leave another name with only one candidate.
  const open = [...unknown].filter((name) => known.has(name));
  for (let joined = true; joined; ) {
    joined = false;
    for (const name of open) {
      const others = new Set([...(known.get(name) ?? [])].map((other) => sets.find(other)));
      // Candidates that are linked to this name already say nothing new.
      others.delete(sets.find(name));
      const [only] = others;
      if (others.size !== 1 || only === undefined || ambiguous.has(only)) continue;
      sets.join(name, only);
      joined = true;
    }
  }
  const found = new WeakMap<StateRecord, string>();
  return {
    of(record) {
      const { filesystem, uuid, ctransid, sendTransid } = record;
      const counted = nameOf(filesystem, uuid, ctransid);
      const announced = sendTransid !== null && nameOf(null, uuid, sendTransid);
      const name = announced && ambiguous.has(counted) ? announced : counted;
      const state = found.get(record) ?? sets.find(name);
      found.set(record, state);
      return state;
    },
  };
}

/** Finds names that a known filesystem uses for states that were announced to it as different. */
function ambiguousNames(records: readonly StateRecord[]): Set<string> {
  const announced = new Map<string, string>();
  const ambiguous = new Set<string>();
  for (const { filesystem, uuid, ctransid, sendTransid } of records) {
    if (filesystem === null || sendTransid === null) continue;
    const name = nameOf(filesystem, uuid, ctransid);
    const before = announced.get(name) ?? sendTransid;
    announced.set(name, sendTransid);
    if (before !== sendTransid) ambiguous.add(name);
  }
  return ambiguous;
}

function nameOf(filesystem: string | null, uuid: string, ctransid: string): string {
  return `${uuid} ${ctransid} ${filesystem ?? ''}`;
}
