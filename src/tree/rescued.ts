/** A range of a file that is lost. */
export interface LostRange {
  /** Bytes from the start of the file. */
  readonly offset: number;
  /** Null if it is not known where the file ends. */
  readonly length: number | null;
}

/** An entry of which something is or may be lost. */
export interface Damaged {
  readonly path: Uint8Array;
  readonly kind: Inode['kind'];
  /** Ranges of its contents. All other bytes are right. */
  readonly lost: readonly LostRange[];
}

/** One inode of a stream that is rescued. A loss is numbered by how many came before the command. */
export class Inode {
  readonly kind: 'file' | 'directory' | 'symlink' | 'other';
  /** The names in a directory. */
  readonly children = new Map<string, Inode>();
  /** Number of losses when it was created; undefined if its creation is lost. */
  readonly #born: number | undefined;
  /** Number of losses up to which its contents are known. */
  #known: number;
  /** End of the contents so far. Sizes are u64 in a stream. */
  #reach = 0n;
  #finished: number | undefined;
  readonly #lost: LostRange[] = [];

  constructor(kind: Inode['kind'], born?: number) {
    this.kind = kind;
    this.#born = born;
    this.#known = born ?? -1;
  }

  /** Commands of it may be lost, now that there were this many losses. */
  isTouched(losses: number): boolean {
    return this.#lost.length > 0 || (this.#finished ?? losses) !== this.#born;
  }

  /** Nothing of it can be lost. */
  isWhole(losses: number): boolean {
    const last = this.#finished ?? (losses === 0 ? 0 : undefined);
    return this.#lost.length === 0 && this.#born !== undefined && last === this.#born;
  }

  wrote(offset: bigint, length: bigint, losses: number): void {
    this.#miss(offset, losses);
    if (offset + length > this.#reach) this.#reach = offset + length;
  }

  /** A range could not be brought. */
  missed(offset: bigint, length: bigint, losses: number): void {
    this.wrote(offset, length, losses);
    this.#lost.push(rangeOf(offset, length));
  }

  sized(size: bigint, losses: number): void {
    this.#miss(size, losses);
  }

  /** Its last command was read. */
  finished(losses: number): void {
    this.#finished ??= losses;
  }

  damage(path: Uint8Array, losses: number): Damaged {
    const isOpen = this.kind === 'file' && this.#known < (this.#finished ?? losses);
    const end = rangeOf(this.#reach, null);
    return { path, kind: this.kind, lost: isOpen ? [...this.#lost, end] : this.#lost };
  }

  /** Data comes by increasing offset, so what is lost lies between the last and this command. */
  #miss(until: bigint, losses: number): void {
    if (this.#known < losses && until > this.#reach) {
      this.#lost.push(rangeOf(this.#reach, until - this.#reach));
    }
    this.#known = losses;
  }
}

/** A range as numbers. One that passes the safe integers reaches to the end of the file. */
function rangeOf(offset: bigint, length: bigint | null): LostRange {
  const most = BigInt(Number.MAX_SAFE_INTEGER);
  const isBeyond = length === null || offset + length > most;
  return {
    offset: Number(offset < most ? offset : most),
    length: isBeyond ? null : Number(length),
  };
}

/** A name in a directory, and what has it. */
export interface Place {
  readonly directory: Inode;
  readonly name: string;
  readonly inode: Inode | undefined;
}

/** The names of the inodes of a stream, as its commands made them. */
export class Names {
  readonly #root = new Inode('directory', 0);

  /** Finds the place of a path; the empty one is the top. Passes through directories only. */
  find(path: Uint8Array): Place | undefined {
    if (path.length === 0) return { directory: this.#root, name: '', inode: this.#root };
    const place = this.place(path, () => undefined);
    return place?.inode === undefined ? undefined : place;
  }

  /**
   * Finds the place of a path.
   *
   * @param make gives a directory above it that is missing
   * @returns undefined if something above it is no directory
   */
  place(path: Uint8Array, make: (path: Uint8Array) => Inode | undefined): Place | undefined {
    const names = latin1(path).split('/');
    const last = names.pop() as string;
    let directory = this.#root;
    let length = 0;
    for (const name of names) {
      length += name.length;
      let below = directory.children.get(name);
      if (below === undefined) {
        below = make(path.subarray(0, length));
        if (below !== undefined) directory.children.set(name, below);
      }
      if (below?.kind !== 'directory') return undefined;
      directory = below;
      length++;
    }
    return { directory, name: last, inode: directory.children.get(last) };
  }

  /** Gives a name to an inode. Returns true. */
  put({ directory, name }: Place, inode: Inode): true {
    directory.children.set(name, inode);
    return true;
  }

  /** Gives another name to what has one, unless that is taken. The new one must not lie below it. */
  move({ directory, name, inode }: Place, to: Place): boolean {
    if (inode === undefined || to.inode !== undefined) return false;
    directory.children.delete(name);
    return this.put(to, inode);
  }

  remove(path: Uint8Array, isDirectory: boolean): boolean {
    const place = this.find(path);
    if (place?.inode === undefined || path.length === 0) return false;
    const { directory, name, inode } = place;
    if ((inode.kind === 'directory') !== isDirectory || inode.children.size > 0) return false;
    return directory.children.delete(name);
  }

  /** Each path and what has it, the top first. */
  *all(): Generator<[Inode, Uint8Array], void, undefined> {
    yield [this.#root, new Uint8Array(0)];
    const open: [Inode, string][] = [[this.#root, '']];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      for (const [name, inode] of next[0].children) {
        const path = `${next[1]}${name}`;
        yield [inode, Buffer.from(path, 'latin1')];
        if (inode.kind === 'directory') open.push([inode, `${path}/`]);
      }
    }
  }
}

/** Reports whether a name is one that the kernel gives until it knows the real one (gen_unique_name). */
export function isUnnamed(path: Uint8Array): boolean {
  return /(^|\/)o\d+-\d+-\d+$/.test(latin1(path));
}

function latin1(path: Uint8Array): string {
  return Buffer.from(path.buffer, path.byteOffset, path.byteLength).toString('latin1');
}
