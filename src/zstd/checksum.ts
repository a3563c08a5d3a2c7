/** Checksums of frames, and the hash of a stream that is made of them. */
import xxhash from 'xxhash-wasm';

const api = await xxhash();

/**
 * Bytes to hash at a time. They go through the memory of the hash, which then stays in the cache.
 */
const STEP = 64 * 1024;

/**
 * The checksum that zstd stores at the end of a frame: the low 32 bits of the XXH64 (seed 0) of its
 * contents.
 */
export function checksumOf(bytes: Uint8Array): number {
  const hash = api.create64();
  for (let from = 0; from < bytes.length; from += STEP) {
    hash.update(bytes.subarray(from, from + STEP));
  }
  return Number(hash.digest() & 0xffff_ffffn);
}

/**
 * The hash of a stream: the XXH64 (seed 0) of the checksums of its frames in order, each in four
 * bytes, little-endian. All frames but the last hold FRAME_SIZE bytes, so the hash depends on the
 * stream alone, and no byte of the stream is hashed twice.
 */
export class FramesHash {
  readonly #hash = api.create64();
  readonly #word = new Uint8Array(4);
  readonly #view = new DataView(this.#word.buffer);

  add(checksum: number): void {
    this.#view.setUint32(0, checksum, true);
    this.#hash.update(this.#word);
  }

  /**
   * The hash of all frames so far, sixteen lower-case hexadecimal digits. More frames may follow.
   */
  hex(): string {
    return this.#hash.digest().toString(16).padStart(16, '0');
  }
}
