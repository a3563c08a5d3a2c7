import { archiveCutShort, notTar } from './tar-failures.ts';
import {
  BLOCK,
  END_BLOCKS,
  isZero,
  NotTarHeader,
  padded,
  plainPath,
  readHeader,
} from './tar-header.ts';

/** A file or directory in a tar file that is read from start to end. */
export interface PassingEntry {
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'other';
  /** Bytes of contents. */
  readonly length: number;
}

/** Reads a tar file from start to end. */
export class TarReader {
  readonly #location: string;
  readonly #pieces: AsyncIterator<Uint8Array>;
  /** Bytes that were read and not used. */
  #ahead: Uint8Array = new Uint8Array(0);
  #offset = 0;
  /** Bytes of the current entry, with the zeros that fill its last block, that were not read. */
  #left = 0;
  /** Of these, bytes of contents. */
  #contentsLeft = 0;

  /** @param input must not reuse the memory of a piece that it has handed over */
  constructor(location: string, input: AsyncIterable<Uint8Array>) {
    this.#location = location;
    this.#pieces = input[Symbol.asyncIterator]();
  }

  /**
   * Passes over what is left of the current entry, and reads the header of the next one.
   *
   * @returns undefined at the end of the archive, after all of the input was read
   * @throws {Failure} `not-an-archive`, `archive-damaged`
   */
  async next(): Promise<PassingEntry | undefined> {
    for await (const _ of this.#take(this.#left));
    const at = this.#offset;
    const first = await this.#block();
    if (isZero(first)) {
      for (let blocks = 1; blocks < END_BLOCKS; blocks++) {
        if (!isZero(await this.#block())) throw notTar(this.#location, at + blocks * BLOCK);
      }
      // Programs fill the last record with zeros, and want to write all of them.
      while (await this.#more()) this.#ahead = new Uint8Array(0);
      return undefined;
    }
    const header = await readHeader((number) =>
      number === 0 ? Promise.resolve(first) : this.#block(),
    ).catch((error) => {
      throw error instanceof NotTarHeader ? notTar(this.#location, at) : error;
    });
    const { name, kind, length } = header;
    this.#left = padded(length);
    this.#contentsLeft = length;
    return { path: plainPath(name), kind, length };
  }

  /** Reads what is left of the contents of the current entry. */
  contents(): AsyncGenerator<Uint8Array> {
    return this.#take(this.#contentsLeft);
  }

  async *#take(length: number): AsyncGenerator<Uint8Array> {
    for (let left = length; left > 0; ) {
      if (this.#ahead.length === 0 && !(await this.#more())) this.#cutShort();
      const piece = this.#ahead.subarray(0, left);
      this.#ahead = this.#ahead.subarray(piece.length);
      this.#offset += piece.length;
      left -= piece.length;
      this.#left -= piece.length;
      this.#contentsLeft = Math.max(0, this.#contentsLeft - piece.length);
      yield piece;
    }
  }

  async #block(): Promise<Uint8Array> {
    while (this.#ahead.length < BLOCK && (await this.#more()));
    if (this.#ahead.length < BLOCK) this.#cutShort();
    const block = this.#ahead.subarray(0, BLOCK);
    this.#ahead = this.#ahead.subarray(BLOCK);
    this.#offset += BLOCK;
    return block;
  }

  async #more(): Promise<boolean> {
    const next = await this.#pieces.next();
    if (next.done === true) return false;
    this.#ahead = this.#ahead.length === 0 ? next.value : Buffer.concat([this.#ahead, next.value]);
    return true;
  }

  #cutShort(): never {
    throw archiveCutShort(this.#location, this.#offset + this.#ahead.length);
  }
}
