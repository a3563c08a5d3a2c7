/**
 * Reads a stream of pieces of any size, with a look ahead. The source must not reuse the memory of
 * a piece that it has handed over.
 */

const NOTHING = new Uint8Array(0);

export class ByteReader {
  readonly #pieces: AsyncIterator<Uint8Array>;
  /** Bytes that were read but not taken. */
  #ahead: Uint8Array = NOTHING;
  #ended = false;
  /** Bytes taken so far. */
  offset = 0;

  constructor(input: AsyncIterable<Uint8Array>) {
    this.#pieces = input[Symbol.asyncIterator]();
  }

  /**
   * Returns the next bytes without taking them: at least `size`, which must be small; fewer at the
   * end.
   */
  async peek(size: number): Promise<Uint8Array> {
    while (this.#ahead.length < size && (await this.#more()));
    return this.#ahead;
  }

  /**
   * Takes the next `size` bytes in pieces; fewer at the end. A piece counts as taken when it is
   * yielded.
   */
  async *take(size: number): AsyncGenerator<Uint8Array, void, undefined> {
    for (let left = size; left > 0; ) {
      if (this.#ahead.length === 0 && !(await this.#more())) return;
      const piece = this.#ahead.subarray(0, left);
      this.#ahead = this.#ahead.subarray(piece.length);
      this.offset += piece.length;
      left -= piece.length;
      yield piece;
    }
  }

  /** Takes all bytes that are left. */
  rest(): AsyncGenerator<Uint8Array, void, undefined> {
    return this.take(Number.POSITIVE_INFINITY);
  }

  /** Tells the source that no more bytes are needed. */
  async close(): Promise<void> {
    if (!this.#ended) await this.#pieces.return?.();
  }

  async #more(): Promise<boolean> {
    const next = this.#ended ? undefined : await this.#pieces.next();
    if (next === undefined || next.done === true) {
      this.#ended = true;
      return false;
    }
    this.#ahead = this.#ahead.length === 0 ? next.value : Buffer.concat([this.#ahead, next.value]);
    return true;
  }
}
