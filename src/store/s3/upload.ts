import { createHash } from 'node:crypto';
import type { Sink } from '../store.ts';
import type { Bucket, UploadedPiece } from './bucket.ts';

/**
 * Bytes of each piece of an upload but the last. An upload has at most 10,000 pieces, so
 * {@link MAX_OBJECT} bounds it. The size never varies: a later run must cut the same pieces, to find
 * what is uploaded already.
 */
const PIECE = 16 * 1024 * 1024;

/** The largest object that is written, bytes: 8192 pieces. */
export const MAX_OBJECT = 8192 * PIECE;

/** Pieces that are uploaded at a time. With the one that is being filled, they bound the memory. */
const IN_FLIGHT = 3;

/** An object that was written, and that nobody sees yet. */
export type WrittenObject = UploadedObject | HeldObject;

/** All its pieces are in the store. */
export interface UploadedObject {
  readonly path: string;
  readonly length: number;
  readonly upload: { readonly id: string; readonly pieces: readonly UploadedPiece[] };
}

/** It is small, and in memory until it is published. */
export interface HeldObject {
  readonly path: string;
  readonly length: number;
  readonly bytes: Uint8Array;
}

/** An upload of an object by an interrupted run, and the pieces that it has. */
export interface EarlierUpload {
  readonly id: string;
  readonly pieces: readonly UploadedPiece[];
}

export interface UploadOptions {
  readonly bucket: Bucket;
  readonly path: string;
  /** Storage class of the object; undefined for the usual one. */
  readonly storageClass: string | undefined;
  readonly earlier: EarlierUpload | undefined;
  /** Called when the object is complete. */
  readonly onWritten: (written: WrittenObject) => void;
  /** Reports whether a small object may stay in memory. */
  readonly mayHold: (bytes: number) => boolean;
}

/**
 * Writes an object in pieces. Pieces that an earlier upload of the object has are not sent again:
 * their MD5 decides. Nobody sees the object before its upload is completed.
 */
export class Upload implements Sink {
  readonly #options: UploadOptions;
  readonly #earlier: ReadonlyMap<number, UploadedPiece>;
  readonly #pieces: Promise<UploadedPiece>[] = [];
  /** Buffers that no request uses. */
  readonly #free: Buffer[] = [];
  #buffer: Buffer | undefined;
  #filled = 0;
  #length = 0;
  #id: Promise<string> | undefined;
  #failed: { readonly error: unknown } | undefined;

  constructor(options: UploadOptions) {
    this.#options = options;
    const { earlier } = options;
    this.#earlier = new Map(earlier?.pieces.map((piece) => [piece.number, piece]));
    if (earlier !== undefined) this.#id = Promise.resolve(earlier.id);
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      if (this.#filled === PIECE) await this.#send();
      this.#buffer ??= this.#free.pop() ?? Buffer.allocUnsafeSlow(PIECE);
      const some = bytes.subarray(done, done + PIECE - this.#filled);
      this.#buffer.set(some, this.#filled);
      this.#filled += some.length;
      done += some.length;
    }
    this.#length += bytes.length;
    if (this.#failed !== undefined) throw this.#failed.error;
  }

  async close(): Promise<void> {
    const { path, onWritten, mayHold } = this.#options;
    const length = this.#length;
    if (this.#pieces.length === 0 && mayHold(length)) {
      const bytes = Buffer.from(this.#buffer?.subarray(0, this.#filled) ?? []);
      this.#buffer = undefined;
      await this.abort();
      onWritten({ path, length, bytes });
      return;
    }
    await this.#send();
    const pieces = await Promise.all(this.#pieces);
    onWritten({ path, length, upload: { id: await this.#begun(), pieces } });
  }

  /** Leaves the pieces in the store, for the next run. */
  async abandon(): Promise<void> {
    await Promise.allSettled(this.#pieces);
  }

  /** Removes the pieces from the store. */
  async abort(): Promise<void> {
    const { bucket, path } = this.#options;
    const id = await this.#id?.catch(() => undefined);
    if (id !== undefined) await bucket.abortUpload(path, id).catch(() => {});
  }

  /** Uploads the buffer. Waits until few enough pieces are under way. */
  async #send(): Promise<void> {
    const bytes = this.#buffer?.subarray(0, this.#filled) ?? Buffer.alloc(0);
    const buffer = this.#buffer;
    this.#buffer = undefined;
    this.#filled = 0;
    const piece = this.#upload(this.#pieces.length + 1, bytes);
    this.#pieces.push(piece);
    piece
      .catch((error) => {
        this.#failed ??= { error };
      })
      .finally(() => {
        if (buffer !== undefined) this.#free.push(buffer);
      });
    await this.#pieces[this.#pieces.length - IN_FLIGHT];
  }

  async #upload(number: number, bytes: Buffer): Promise<UploadedPiece> {
    const { bucket, path } = this.#options;
    const { length } = bytes;
    const earlier = this.#earlier.get(number);
    if (earlier?.length === length && earlier.etag === md5(bytes)) return earlier;
    const etag = await bucket.uploadPiece(path, await this.#begun(), number, bytes);
    return { number, length, etag };
  }

  #begun(): Promise<string> {
    const { bucket, path, storageClass } = this.#options;
    this.#id ??= bucket.beginUpload(path, storageClass);
    return this.#id;
  }
}

/** Stores give the MD5 of a piece as its ETag, unless they encrypt it with a key of their own. */
function md5(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex');
}

/** The ETag of an object of these pieces, in stores whose ETag of a piece is its MD5. */
export function etagOf(pieces: readonly UploadedPiece[]): string {
  const sums = pieces.map(({ etag }) => Buffer.from(etag, 'hex'));
  return `${md5(Buffer.concat(sums))}-${pieces.length}`;
}

/**
 * The ETag that an object with these contents would have if it was uploaded here, in as many pieces
 * as `like` has; undefined if an object of `length` bytes would be uploaded otherwise.
 */
export async function etagOfContents(
  contents: AsyncIterable<Uint8Array>,
  length: number,
  like: string,
): Promise<string | undefined> {
  const count = /^[0-9a-f]{32}-(\d+)$/.exec(like)?.[1];
  if (count !== undefined && Number(count) !== Math.max(1, Math.ceil(length / PIECE))) {
    return undefined;
  }
  const pieceSize = count === undefined ? Number.POSITIVE_INFINITY : PIECE;
  const pieces: UploadedPiece[] = [];
  let hash = createHash('md5');
  let filled = 0;
  const end = () => {
    pieces.push({ number: pieces.length + 1, length: filled, etag: hash.digest('hex') });
    hash = createHash('md5');
    filled = 0;
  };
  for await (const bytes of contents) {
    for (let done = 0; done < bytes.length; ) {
      if (filled === pieceSize) end();
      const some = bytes.subarray(done, done + pieceSize - filled);
      hash.update(some);
      filled += some.length;
      done += some.length;
    }
  }
  end();
  return count === undefined ? pieces[0]?.etag : etagOf(pieces);
}
