/**
 * States of subvolumes, and which records name the same state.
 *
 * A UUID alone does not name a state: a subvolume keeps it when it is made writable and changed,
 * and subvolumes that were received from different states can share it. A ctransid tells states
 * apart, but each filesystem counts its own. So a name of a state consists of filesystem, UUID and
 * ctransid. A state can have several names, because a filesystem that received it announces it with
 * a ctransid of its own.
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
   * The ctransid under which another filesystem, which is not recorded, announced the state to
   * `filesystem`; null if `filesystem` did not receive it.
   */
  readonly sendTransid: string | null;
}

/** Tells which records name the same state. */
export interface States {
  /** A key that two records share only if a chain of records links them. */
  of(record: StateRecord): string;
}

/**
 * Links records that name the same state. A record links its two ctransids. A ctransid of an
 * unknown filesystem counts as the same ctransid of a known filesystem, unless several known
 * filesystems use it for states that nothing else links: then it counts as none of them.
 *
 * A filesystem can use one ctransid for two states, if it received both under one UUID and wrote
 * them in one transaction. Such a ctransid names neither state, so only the announced ctransids do.
 *
 * @param records all known records. A record whose names do not occur among them is a state of its own.
 */
export function linkStates(records: Iterable<StateRecord>): States {
  const sets = new DisjointSets();
  /**
   * Maps each name of an unknown filesystem to those of known filesystems that could be the same.
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
  const doubtful = countedTwice(all);
  for (const { filesystem, uuid, ctransid, sendTransid } of all) {
    const name = note(filesystem, uuid, ctransid);
    if (sendTransid === null) continue;
    const announced = note(null, uuid, sendTransid);
    if (!doubtful.has(name)) sets.join(name, announced);
  }
  // Joining one name can show that the states of another name are the same.
  const open = [...unknown].filter((name) => known.has(name));
  for (let joined = true; joined; ) {
    joined = false;
    for (const name of open) {
      const others = new Set([...(known.get(name) ?? [])].map((other) => sets.find(other)));
      // A filesystem may happen to use the ctransid under which the state was announced to it.
      others.delete(sets.find(name));
      const [only] = others;
      if (others.size !== 1 || only === undefined || doubtful.has(only)) continue;
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
      const name = announced && doubtful.has(counted) ? announced : counted;
      const state = found.get(record) ?? sets.find(name);
      found.set(record, state);
      return state;
    },
  };
}

/** Finds names that a known filesystem uses for states that were announced to it as different. */
function countedTwice(records: readonly StateRecord[]): Set<string> {
  const announced = new Map<string, string>();
  const doubtful = new Set<string>();
  for (const { filesystem, uuid, ctransid, sendTransid } of records) {
    if (filesystem === null || sendTransid === null) continue;
    const name = nameOf(filesystem, uuid, ctransid);
    const before = announced.get(name) ?? sendTransid;
    announced.set(name, sendTransid);
    if (before !== sendTransid) doubtful.add(name);
  }
  return doubtful;
}

function nameOf(filesystem: string | null, uuid: string, ctransid: string): string {
  return `${uuid} ${ctransid} ${filesystem ?? ''}`;
}

/** Sets of names. Sets can be joined, but not split. */
class DisjointSets {
  readonly #above = new Map<string, string>();

  /** The representative of the set that holds a name. */
  find(name: string): string {
    let root = name;
    for (let next = this.#above.get(root); next !== undefined; next = this.#above.get(root)) {
      root = next;
    }
    for (let at = name; at !== root; ) {
      const next = this.#above.get(at) as string;
      this.#above.set(at, root);
      at = next;
    }
    return root;
  }

  join(a: string, b: string): void {
    const [left, right] = [this.find(a), this.find(b)];
    if (left !== right) this.#above.set(left, right);
  }
}
