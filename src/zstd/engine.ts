/**
 * One interface for the zstd of Node.js, and for the one in WebAssembly. Both read and write plain
 * zstd frames.
 */
export type EngineName = 'node:zlib' | 'zstd-codec';

export interface Engine {
  readonly name: EngineName;
  /**
   * Compresses `input` (at most FRAME_SIZE bytes) into one frame with its content size and
   * checksum, at the start of `output`.
   *
   * @returns bytes written; undefined if the frame is longer than `output`
   */
  compress(input: Uint8Array, output: Uint8Array, level: number): number | undefined;
  /**
   * Decompresses one frame into `output`, and compares the checksum if the frame has one. The
   * caller has checked that the header declares `output.length`.
   *
   * @throws {DecodeError} if it is not a zstd frame, or if its length or bytes are wrong
   */
  decompress(input: Uint8Array, output: Uint8Array): void;
  /**
   * Decompresses one frame of any content size from pieces. The window of the frame, which the
   * caller has checked, bounds the memory.
   *
   * @throws {DecodeError}
   */
  decompressLong(input: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
}

/** The compressed bytes cannot be decoded. The caller knows their place. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError';
}
