/** The checksums of frames, and the one hash that a stream has of them. */
import xxhash from 'xxhash-wasm';

const api = await xxhash();

/** Bytes hashed at once: each goes through the hash's own memory, which so stays in the cache. */
const STEP = 64 * 1024;

/** The low 32 bits of the XXH64 (seed 0) of these bytes: what zstd stores behind a frame. */
export function checksumOf(bytes: Uint8Array): number {
  const hash = api.create64();
  for (let from = 0; from < bytes.length; from += STEP) {
    hash.update(bytes.subarray(from, from + STEP));
  }
  return Number(hash.digest() & 0xffff_ffffn);
}

/**
 * The hash of a stream: the XXH64 (seed 0) of its frames' checksums in order, each in four bytes,
 * little-endian. All frames but the last hold FRAME_SIZE bytes, so it depends on nothing but the
 * stream, and no byte of that is hashed twice.
 */
export class FramesHash {
  readonly #hash = api.create64();
  readonly #word = new Uint8Array(4);
  readonly #view = new DataView(this.#word.buffer);

  add(checksum: number): void {
    this.#view.setUint32(0, checksum, true);
    this.#hash.update(this.#word);
  }

  /** Of all frames so far, as sixteen lower-case hexadecimal digits; more may follow. */
  hex(): string {
    return this.#hash.digest().toString(16).padStart(16, '0');
  }
}
