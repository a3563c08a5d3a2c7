/**
 * What compresses and decompresses: one interface over the zstd that the runtime has built in
 * and the one in WebAssembly for runtimes without. Both write and read plain zstd frames.
 */
export type EngineName = 'node:zlib' | 'zstd-codec';

export interface Engine {
  readonly name: EngineName;
  /**
   * Compresses `input` (at most FRAME_SIZE bytes) into one frame with its content size and
   * checksum, at the start of `output`.
   *
   * @returns bytes written; undefined when the frame is longer than `output`.
   */
  compress(input: Uint8Array, output: Uint8Array, level: number): number | undefined;
  /**
   * Decompresses one frame, whose header was checked to say `output.length`, so as to fill
   * `output`, and compares the checksum of that with the frame's own, where it has one.
   *
   * @throws DecodeError when the frame is no zstd, or holds another length or other bytes.
   */
  decompress(input: Uint8Array, output: Uint8Array): void;
  /**
   * Decompresses one frame of any content size whose bytes come in pieces. Memory is bounded by
   * the frame's window, which the caller has looked at.
   *
   * @throws DecodeError
   */
  decompressLong(input: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
}

/** The compressed bytes can't be decoded; which bytes they are is the caller's to say. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError';
}
