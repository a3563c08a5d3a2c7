/**
 * States of subvolumes, and when two of them are one.
 *
 * A UUID does not tell a state: a subvolume that was made writable and changed keeps it, and so
 * do several subvolumes that were received from different states. A ctransid does, but each
 * filesystem counts its own. So a state is named by all three, and it can have several names: a
 * filesystem that received it and sends it on announces it with a ctransid of its own.
 */

/** A state as one filesystem counts it. */
export interface StateRecord {
  /** UUID of the filesystem that counts; null where it is unknown. */
  readonly filesystem: string | null;
  /** The UUID that a stream of the state announces. */
  readonly uuid: string;
  /** The ctransid that a stream of it from `filesystem` announces; u64 in decimal. */
  readonly ctransid: string;
  /**
   * The ctransid under which the state was announced to `filesystem`, by a filesystem that is not
   * recorded; null where `filesystem` did not receive it.
   */
  readonly sendTransid: string | null;
}

/** Which records are of one state. */
export interface States {
  /** Equal for two records only if a chain of records shows that they are of one state. */
  of(record: StateRecord): string;
}

/**
 * Links records to states. A record links its two ctransids. A ctransid counted by an unknown
 * filesystem is taken for the same one of a known filesystem, unless several known filesystems
 * count it for states that nothing else links: then it is taken for none of them. A filesystem can
 * even count two states alike, if it received both under one UUID and wrote them in one
 * transaction: such a ctransid names neither of them, and only the announced ones do.
 *
 * @param records all that are at hand. One that is asked for and was not among them stands alone.
 */
export function linkStates(records: Iterable<StateRecord>): States {
  const sets = new DisjointSets();
  /** For each name that an unknown filesystem counts: those that known filesystems count. */
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
  // Joining one name can show that the states behind another are the same.
  const open = [...unknown].filter((name) => known.has(name));
  for (let joined = true; joined; ) {
    joined = false;
    for (const name of open) {
      const others = new Set([...(known.get(name) ?? [])].map((other) => sets.find(other)));
      // A filesystem may count a state by chance just as it was announced to it.
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

/** Names that a known filesystem gives to what was announced to it as several states. */
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

/** Sets of names that are joined but never split. */
class DisjointSets {
  readonly #above = new Map<string, string>();

  /** The name that stands for the set of this one. */
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
