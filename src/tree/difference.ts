import { createHash } from 'node:crypto';
import { type DifferenceKind, isOfAttributes } from '../names/difference.ts';
import {
  comparePaths,
  directoryOf,
  type Entry,
  type Inode,
  type Nested,
  pathKey,
  type RegularFile,
  sameXattrs,
} from './entry.ts';
import { changedRuns, filledRuns, type Run } from './runs.ts';

/** An entry that only the old tree has, or has of another kind. */
export interface Removed {
  /** A file has no digests. */
  readonly entry: Entry;
  /** A text that files share only if their contents are equal; undefined for an empty file. */
  readonly contents: string | undefined;
}

/** An entry that only the new tree has, or has of another kind. */
export interface Added extends Removed {
  readonly entry: Exclude<Entry, Nested>;
  /** The runs of a file that are not zeros. */
  readonly runs: readonly Run[];
}

/** An inode with one path and kind in both trees. A file has no digests. */
export interface Both {
  readonly old: Inode;
  readonly new: Inode;
}

export interface Changed extends Both {
  readonly kinds: readonly DifferenceKind[];
  /** The runs of a file that its old version does not have. */
  readonly runs: readonly Run[];
}

/** The way from an old tree to a new one. Each list is in the order of a tree. */
export interface Difference {
  readonly root: Both;
  readonly removed: readonly Removed[];
  readonly added: readonly Added[];
  readonly changed: readonly Changed[];
  /** Directories of both trees that get or lose an entry, by path. */
  readonly touched: ReadonlyMap<string, Both>;
}

export interface Listener {
  /** Called for each path where the trees differ. */
  readonly onFound?: (path: Buffer, kinds: readonly DifferenceKind[]) => void;
  /**
   * Takes an inode, other than a directory, that only needs new attributes. There can be millions of
   * them, so the difference does not keep what this takes.
   */
  readonly takeAttributes?: (both: Both) => void;
}

/**
 * Compares two trees, both with blocks of the same size. Keeps what differs, without the digests of
 * contents, and nothing of what is equal.
 */
export async function differenceOf(
  old: AsyncIterable<Entry> | Iterable<Entry>,
  other: AsyncIterable<Entry> | Iterable<Entry>,
  blockSize: number,
  { onFound = () => {}, takeAttributes }: Listener = {},
): Promise<Difference> {
  const comparison = new Comparison(blockSize, takeAttributes);
  for await (const pair of pairs(old, other)) {
    const kinds = comparison.add(pair);
    if (kinds.length > 0) onFound((pair.old ?? (pair.new as Entry)).path, kinds);
  }
  return comparison.result();
}

/** The entries of two trees at one path. At least one is there. */
interface Pair {
  readonly old: Entry | undefined;
  readonly new: Entry | undefined;
}

async function* pairs(
  old: AsyncIterable<Entry> | Iterable<Entry>,
  other: AsyncIterable<Entry> | Iterable<Entry>,
): AsyncGenerator<Pair, void, undefined> {
  const [left, right] = [iterator(old), iterator(other)];
  try {
    let [a, b] = [await left.next(), await right.next()];
    while (!a.done || !b.done) {
      const order = a.done ? 1 : b.done ? -1 : comparePaths(a.value.path, b.value.path);
      yield {
        old: a.done || order > 0 ? undefined : a.value,
        new: b.done || order < 0 ? undefined : b.value,
      };
      if (order <= 0) a = await left.next();
      if (order >= 0) b = await right.next();
    }
  } finally {
    await left.return?.();
    await right.return?.();
  }
}

async function* each(entries: AsyncIterable<Entry> | Iterable<Entry>): AsyncGenerator<Entry, void> {
  yield* entries;
}

function iterator(entries: AsyncIterable<Entry> | Iterable<Entry>): AsyncIterator<Entry, void> {
  return each(entries);
}

class Comparison {
  readonly #removed: Removed[] = [];
  readonly #added: Added[] = [];
  readonly #changed: Changed[] = [];
  readonly #touched = new Map<string, Both>();
  readonly #blockSize: number;
  readonly #takeAttributes: Listener['takeAttributes'];
  #root: Both | undefined;
  /** The directories of both trees that the last path lies in. */
  readonly #above: Both[] = [];
  /** Paths of inodes that are made anew, so their other names are, too. */
  readonly #remade = new Set<string>();

  constructor(blockSize: number, takeAttributes: Listener['takeAttributes']) {
    this.#blockSize = blockSize;
    this.#takeAttributes = takeAttributes;
  }

  add(pair: Pair): readonly DifferenceKind[] {
    const { old, new: other } = pair;
    const kinds = this.#kindsOf(pair);
    if (other?.kind === 'subvolume') {
      // A stream carries nothing of it, and neither must what is made of the old tree.
      if (old !== undefined) this.#replace(old, undefined);
      return kinds;
    }
    if (kinds.length === 0) return kinds;
    if (old !== undefined && other !== undefined && isInode(old) && isInode(other)) {
      if (!isRemade(kinds)) {
        const take = this.#takeAttributes;
        if (take !== undefined && other.kind !== 'directory' && isOfAttributes(kinds)) {
          take({ old, new: other });
          return kinds;
        }
        const runs = runsBetween(old, other, this.#blockSize);
        this.#changed.push({ old: bare(old), new: bare(other), kinds, runs });
        return kinds;
      }
    }
    this.#replace(old, other);
    return kinds;
  }

  #kindsOf({ old, new: other }: Pair): readonly DifferenceKind[] {
    if (other?.kind === 'subvolume') {
      // A copy of a snapshot has an empty directory in place of it, as the snapshot itself has.
      const stands = old === undefined || old.kind === 'directory' || old.kind === 'subvolume';
      return stands ? [] : ['extra'];
    }
    if (other === undefined) return ['extra'];
    if (old === undefined) return ['missing'];
    if (old.kind === 'link' || other.kind === 'link') {
      const same = old.kind === 'link' && other.kind === 'link' && old.first.equals(other.first);
      return same && !this.#remade.has(pathKey(other.first)) ? [] : ['links'];
    }
    if (old.kind === 'subvolume' || old.kind !== other.kind) return ['type'];
    if (other.kind === 'directory') this.#enter({ old, new: other });
    return [...contentKinds(old, other), ...attributeKinds(old, other)];
  }

  #replace(old: Entry | undefined, other: Added['entry'] | undefined): void {
    const { path } = (old ?? other) as Entry;
    const directory = directoryOf(path);
    this.#leave(path);
    const above = this.#above.at(-1);
    // A directory that only the new tree has gets its times in the end anyway.
    if (directory !== undefined && above?.new.path.equals(directory)) {
      this.#touched.set(pathKey(directory), above);
    }
    if (old !== undefined) this.#removed.push({ entry: bare(old), contents: contentsOf(old) });
    if (other === undefined) return;
    if (old !== undefined) this.#remade.add(pathKey(path));
    const runs = other.kind === 'file' ? filledRuns(other, this.#blockSize) : [];
    this.#added.push({ entry: bare(other), contents: contentsOf(other), runs });
  }

  result(): Difference {
    if (this.#root === undefined) throw new RangeError('a tree without a root');
    return {
      root: this.#root,
      removed: this.#removed,
      added: this.#added,
      changed: this.#changed,
      touched: this.#touched,
    };
  }

  #enter(directory: Both): void {
    this.#root ??= directory;
    this.#leave(directory.new.path);
    this.#above.push(directory);
  }

  /** Leaves the directories that a path does not lie in. */
  #leave(path: Buffer): void {
    while (this.#above.length > 0 && !isBelow(path, (this.#above.at(-1) as Both).new.path)) {
      this.#above.pop();
    }
  }
}

function isBelow(path: Buffer, directory: Buffer): boolean {
  const { length } = directory;
  if (length === 0) return path.length > 0;
  return path[length] === 0x2f && path.subarray(0, length).equals(directory);
}

function isInode(entry: Entry): entry is Inode {
  return entry.kind !== 'link' && entry.kind !== 'subvolume';
}

/** Reports whether an inode cannot be changed to what is wanted, but has to be made anew. */
function isRemade(kinds: readonly DifferenceKind[]): boolean {
  return kinds.some((kind) => kind === 'type' || kind === 'target' || kind === 'device');
}

function contentKinds(old: Inode, other: Inode): DifferenceKind[] {
  if (old.kind === 'file' && other.kind === 'file') {
    const equal = old.size === other.size && Buffer.compare(old.digests, other.digests) === 0;
    return equal ? [] : ['contents'];
  }
  if (old.kind === 'symlink' && other.kind === 'symlink') {
    return old.target.equals(other.target) ? [] : ['target'];
  }
  if ('device' in old && 'device' in other) return old.device === other.device ? [] : ['device'];
  return [];
}

function attributeKinds(old: Inode, other: Inode): DifferenceKind[] {
  const kinds: DifferenceKind[] = [];
  // The mode of a symbolic link has no meaning.
  if (old.kind !== 'symlink' && old.mode !== other.mode) kinds.push('mode');
  if (old.uid !== other.uid || old.gid !== other.gid) kinds.push('owner');
  if (old.mtime !== other.mtime) kinds.push('mtime');
  if (!sameXattrs(old.xattrs, other.xattrs)) kinds.push('xattrs');
  return kinds;
}

function runsBetween(old: Inode, other: Inode, blockSize: number): Run[] {
  if (old.kind !== 'file' || other.kind !== 'file') return [];
  return changedRuns(old, other, blockSize);
}

const NO_DIGESTS = new Uint8Array(0);

/** An entry without the digests, which can be large. */
function bare<E extends Entry>(entry: E): E {
  return entry.kind === 'file' ? { ...entry, digests: NO_DIGESTS } : entry;
}

function contentsOf(entry: Entry): string | undefined {
  if (entry.kind !== 'file' || entry.size === 0) return undefined;
  const { size, digests }: RegularFile = entry;
  return `${size} ${createHash('sha256').update(digests).digest('base64')}`;
}
