/**
 * The place where the bytes of an archive lie. Code above uses these interfaces only. Every kind of
 * store can be read; a kind declares what else it can do by having the methods of
 * {@link WritableStore}. One conformance suite tests each ability.
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

  /**
   * Compares a file with contents without reading the file, where the store keeps a checksum.
   *
   * @returns whether they are equal for certain
   */
  isEqual?(path: string, contents: AsyncIterable<Uint8Array>): Promise<boolean>;

  /** Tries what an archive needs, where stores of this kind differ. Leaves nothing behind. */
  abilities?(): AsyncIterable<StoreAbility>;
}

/** Something that an archive needs of a store, and what trying it showed. */
export interface StoreAbility {
  readonly what: string;
  /** `limited`: the archive does without. */
  readonly state: 'good' | 'limited' | 'missing';
  readonly found: string;
  /** Advice if the state is not good. */
  readonly hint?: string;
}

/** A store that can be written to. */
export interface WritableStore extends Store {
  /**
   * Opens a new file. When its sink is closed, the file becomes visible whole and replaces a file of
   * the same name. A crash before that leaves the old file.
   */
  create(path: string): Promise<Sink>;

  /**
   * Removes a file, or a directory with all it holds. It need not exist. If it is the `draft` of a
   * {@link StagePlace}, all that is not published goes with it.
   */
  remove(path: string): Promise<void>;

  /**
   * Excludes other writers until it is released or lost. Fails at once with `archive-locked` if
   * another writer holds it. Readers need no lock: a file is
   * only replaced whole, a published stream never changes, and a reader notices if one goes.
   */
  lock(): Promise<Lock>;

  /** Bytes that can still be written; undefined if unknown or unlimited. */
  freeSpace(): Promise<number | undefined>;

  /** The largest file that the store takes, bytes. */
  maxFileSize(): Promise<number>;

  /**
   * Takes a published directory away: first durably out of sight, in one step, then all it holds. The
   * caller must hold the lock. If this is interrupted amid the second step, `draft` is listed until
   * {@link WritableStore.remove} of it takes the rest.
   */
  unpublish(place: StagePlace): Promise<void>;

  /**
   * Opens a stage: a place in which the caller writes the files of a directory before it publishes
   * all of them at once. The caller must hold the lock.
   */
  stage(place: StagePlace): Promise<Stage>;
}

/** The names of a directory that is about to be published, or was. */
export interface StagePlace {
  /** The directory that is listed in its stead meanwhile. Readers ignore it by its name. */
  readonly draft: string;
  /** The directory while it is published. */
  readonly directory: string;
  /** The file that is written last, and removed first. */
  readonly last: string;
}

/**
 * A store whose files can be read only once, and in their order: a pipe. Small files come first, and
 * are kept. Lists show them only.
 */
export interface SequentialStore extends Store {
  /** Counts the small files up to the first one in a directory. */
  positionOf(directory: string): number;
  /**
   * Reads on to the end, since only that shows whether something is missing.
   *
   * @throws {Failure} `archive-damaged`
   */
  finish(): Promise<void>;
}

export function isSequential(store: Store): store is SequentialStore {
  return 'finish' in store;
}

export function isWritable(store: Store): store is WritableStore {
  return 'create' in store;
}

export interface Entry {
  readonly name: string;
  readonly kind: 'file' | 'directory' | 'other';
  /** Length of a file, bytes; 0 for other kinds. */
  readonly length: number;
  /** Its contents lie in cold storage, and cannot be read before they are restored. */
  readonly isCold?: true;
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
  /**
   * The stage of the next writer finds the files that this one leaves. Otherwise there are no
   * leftovers, and the store itself keeps what it can use when a file is written again.
   */
  readonly keepsFiles: boolean;
  /** The files that an interrupted writer left. */
  readonly leftovers: readonly Entry[];
  /** Reads a leftover, or a closed file of this stage, as {@link Store.read} does. */
  read(file: string, range?: ByteRange): AsyncIterable<Uint8Array>;
  /** Opens a file for writing after its first `keep` bytes, and cuts off the rest. */
  write(file: string, keep?: number): Promise<Sink>;
  /** Removes a file, which need not exist. */
  remove(file: string): Promise<void>;
  /**
   * Writes small files, the last of which is `last` of {@link StagePlace}, and makes the directory
   * visible, durably. Removes the file `without` only after that, so that the next writer can continue
   * after an interruption. It is no failure if that file does not exist or cannot be removed.
   *
   * @throws {Failure} `storage-failed` if the directory is there
   */
  publish(documents: readonly StagedDocument[], without?: string): Promise<void>;
  /** Removes the stage and all it holds. */
  discard(): Promise<void>;
}

/** A small file that a stage writes when it is published. */
export interface StagedDocument {
  readonly file: string;
  readonly bytes: Uint8Array;
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
