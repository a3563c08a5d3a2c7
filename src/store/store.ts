/**
 * Where the bytes of an archive lie. Everything above talks to this interface only, and every
 * kind of store passes the same conformance suite.
 *
 * Paths are relative to the store, with `/` between components; a path with an empty
 * component, `.` or `..` is refused before anything is touched, and so is one that leads
 * through a symbolic link. Failures: `no-space`, `archive-unfit` (read-only), `storage-failed`
 * (writing; or the medium as a whole is gone), `read-failed` (reading), `not-root`, each naming the
 * file.
 */
export interface Store {
  /** What a person calls this place; for messages. */
  readonly location: string;

  /** What lies directly in `directory` (`''` is the top). Nothing there: an empty list. */
  list(directory: string): Promise<Entry[]>;

  /**
   * The bytes of a file from `start` up to `end` (exclusive; the whole file without a range),
   * in pieces of the store's choosing, each good until the next is asked for. A file that is not
   * there is a `read-failed`, and so is one that ends before `end`.
   */
  read(path: string, range?: ByteRange): AsyncIterable<Uint8Array>;

  /** Opens a file to read any of it. A file that is not there is a `read-failed`. */
  open(path: string): Promise<OpenFile>;

  /** Creates or replaces a small file: after a crash there is the old one or the new, whole. */
  put(path: string, bytes: Uint8Array): Promise<void>;

  /**
   * A directory being written, out of sight of readers until it is published. One that an
   * interrupted writer left under the same name is taken up again, with the files it holds.
   * Call it only while holding the lock.
   */
  stage(directory: string): Promise<Stage>;

  /**
   * Excludes other writers until released, or until this process ends in any way. Fails at
   * once with `archive-locked` when another writer holds it. Readers need no lock: what is
   * published never changes.
   */
  lock(): Promise<Lock>;

  /** Bytes that can still be written, or undefined where there is no such bound. */
  freeSpace(): Promise<number | undefined>;
}

export interface Entry {
  readonly name: string;
  readonly kind: 'file' | 'directory' | 'other';
  /** Bytes, of a file. */
  readonly length: number;
}

export interface OpenFile {
  /** Fills `into` with the bytes from `offset` on. A file that ends before is a `read-failed`. */
  read(into: Uint8Array, offset: number): Promise<void>;
  /** To be called once, when nothing is being read. */
  close(): void;
}

export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

export interface Stage {
  /** Files that are there from an earlier, interrupted writer. */
  readonly left: readonly Entry[];
  /** As {@link Store.read}, of a file in this stage. */
  read(file: string, range?: ByteRange): AsyncIterable<Uint8Array>;
  /** Opens a file for writing after its first `keep` bytes; what lies beyond them is cut off. */
  write(file: string, keep?: number): Promise<Sink>;
  /** Removes a file, which need not be there. */
  remove(file: string): Promise<void>;
  /**
   * Makes the directory visible under `directory`, durably. `last` is written last of all. Once
   * it is visible the file `without` is removed, which need not be there, and may stay where it
   * can't be removed: so until then, nothing that an interruption may need is gone.
   */
  publish(
    directory: string,
    last: { file: string; bytes: Uint8Array },
    without?: string,
  ): Promise<void>;
  /** Removes the stage and all in it. */
  discard(): Promise<void>;
}

export interface Sink {
  /** Appends all of `bytes`, which may be reused when the promise resolves. */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends the file: its length is checked and its bytes are durable when this resolves. */
  close(): Promise<void>;
  /** Gives the file up where it is, without making it durable. */
  abandon(): Promise<void>;
}

export interface Lock {
  release(): Promise<void>;
}

/** Reads a whole small file. Undefined where it is longer than `limit` bytes. */
export async function readWhole(
  pieces: AsyncIterable<Uint8Array>,
  limit: number,
): Promise<Uint8Array | undefined> {
  const all: Uint8Array[] = [];
  let length = 0;
  for await (const piece of pieces) {
    length += piece.length;
    if (length > limit) return undefined;
    all.push(Buffer.from(piece));
  }
  return Buffer.concat(all);
}
