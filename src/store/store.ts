/**
 * The place where the bytes of an archive lie. Code above uses these interfaces only. Every kind of
 * store can be read; a kind declares what else it can do by having the methods of
 * {@link WritableStore} or {@link ResumableStore}. One conformance suite tests each ability.
 *
 * Paths are relative to the store, with `/` between components. A store refuses a path that has an
 * empty component, `.` or `..`, and a path that leads through a symbolic link, before it touches
 * anything.
 *
 * Failures: `no-space`, `archive-unfit` (read-only), `storage-failed` (writing failed, or the whole
 * medium is gone), `read-failed`, `not-root`. Each names the archive, and the file if it concerns one.
 */
export interface Store {
  /** The archive as the user named it. */
  readonly location: string;

  /** Lists a directory (`''` is the top). A directory that does not exist is empty. */
  list(directory: string): Promise<Entry[]>;

  /**
   * Reads a file from `range.start` up to `range.end`, or the whole file without a range, in pieces
   * of the store's choosing. A piece is valid until the next one is requested. Fails with
   * `read-failed` if the file does not exist or ends before `range.end`.
   */
  read(path: string, range?: ByteRange): AsyncIterable<Uint8Array>;

  /** Opens a file for random reads. Fails with `read-failed` if it does not exist. */
  open(path: string): Promise<OpenFile>;
}

/** A store that can be written to. */
export interface WritableStore extends Store {
  /**
   * Opens a new file. When its sink is closed, the file becomes visible whole and replaces a file of
   * the same name. A crash before that leaves the old file.
   */
  create(path: string): Promise<Sink>;

  /** Removes a file, or a directory with all it holds. It need not exist. */
  remove(path: string): Promise<void>;

  /**
   * Excludes other writers until it is released or lost. Fails at once with `archive-locked` if
   * another writer holds it. Readers need no lock: a file is only replaced whole, and a published stream never changes.
   */
  lock(): Promise<Lock>;

  /** Bytes that can still be written; undefined if unknown or unlimited. */
  freeSpace(): Promise<number | undefined>;
}

/** A store in which a writer can continue what an interrupted writer began. */
export interface ResumableStore extends WritableStore {
  /**
   * Opens a directory in which the caller writes files before it publishes them under another name.
   * If an interrupted writer left this directory, the stage holds its files. Readers ignore it by its
   * name. The caller must hold the lock.
   */
  stage(directory: string): Promise<Stage>;
}

export function isWritable(store: Store): store is WritableStore {
  return 'create' in store;
}

export function isResumable(store: Store): store is ResumableStore {
  return 'stage' in store;
}

export interface Entry {
  readonly name: string;
  readonly kind: 'file' | 'directory' | 'other';
  /** Length of a file, bytes; 0 for other kinds. */
  readonly length: number;
}

export interface OpenFile {
  /** Fills `into` from `offset` on. Fails with `read-failed` if the file ends before `into` is full. */
  read(into: Uint8Array, offset: number): Promise<void>;
  /** Closes the file. Call it once, while nothing is being read. */
  close(): void;
}

/** A range of bytes; `end` is exclusive. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** A directory that is being written and is not published yet. */
export interface Stage {
  /** The files that an interrupted writer left. */
  readonly leftovers: readonly Entry[];
  /** Reads a file of this stage as {@link Store.read} does. */
  read(file: string, range?: ByteRange): AsyncIterable<Uint8Array>;
  /** Opens a file for writing after its first `keep` bytes, and cuts off the rest. */
  write(file: string, keep?: number): Promise<Sink>;
  /** Removes a file, which need not exist. */
  remove(file: string): Promise<void>;
  /**
   * Writes the file `last`, and then durably renames the stage to `directory`. Removes the file
   * `without` only after that, so that the next writer can continue after an interruption. It is no
   * failure if that file does not exist or cannot be removed.
   */
  publish(
    directory: string,
    last: { readonly file: string; readonly bytes: Uint8Array },
    without?: string,
  ): Promise<void>;
  /** Removes the stage and all it holds. */
  discard(): Promise<void>;
}

/** A file that is being written. */
export interface Sink {
  /** Appends all of `bytes`. The caller may reuse the buffer when the promise resolves. */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends the file. When it resolves, the file has the length that was written and is durable. */
  close(): Promise<void>;
  /** Gives the file up without making it durable. */
  abandon(): Promise<void>;
}

export interface Lock {
  /**
   * Aborts, with a Failure as its reason, if the lock is lost before it is released. A directory
   * store never loses its lock, because the kernel holds it as long as the process runs. A store
   * whose lock can expire needs this signal.
   */
  readonly lost: AbortSignal;
  release(): Promise<void>;
}

/** Reads all pieces of a small file; undefined if it is longer than `limit` bytes. */
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

/** Creates or replaces a small file. */
export async function writeWhole(
  store: WritableStore,
  path: string,
  bytes: Uint8Array,
): Promise<void> {
  const sink = await store.create(path);
  try {
    await sink.write(bytes);
    await sink.close();
  } catch (error) {
    await sink.abandon();
    throw error;
  }
}
