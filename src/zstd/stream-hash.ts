/** XXH64 with seed 0, of a whole buffer or of a stream as it passes. */
import xxhash from 'xxhash-wasm';

const api = await xxhash();

/** Bytes hashed at once: each goes through the hash's own memory, which so stays in the cache. */
const STEP = 64 * 1024;

/** XXH64 of one buffer. */
export function xxh64(bytes: Uint8Array): bigint {
  const hash = new StreamHash();
  hash.update(bytes);
  return hash.digest();
}

/** An XXH64 as the sixteen lower-case hexadecimal digits that `xxhsum -H64` prints. */
export function xxh64Hex(hash: bigint): string {
  return hash.toString(16).padStart(16, '0');
}

/** The XXH64 of a stream that is given in pieces of any size. */
export class StreamHash {
  readonly #state = api.create64();

  update(bytes: Uint8Array): void {
    for (let from = 0; from < bytes.length; from += STEP) {
      this.#state.update(bytes.subarray(from, from + STEP));
    }
  }

  /** The hash of all bytes so far; more may follow. */
  digest(): bigint {
    return this.#state.digest();
  }

  hex(): string {
    return xxh64Hex(this.digest());
  }
}
