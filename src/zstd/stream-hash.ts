/** XXH64 with seed 0, of a whole buffer or of a stream as it passes. */
import xxhash from 'xxhash-wasm';

const api = await xxhash();

/** XXH64 of one buffer. */
export function xxh64(bytes: Uint8Array): bigint {
  return api.h64Raw(bytes);
}

/** An XXH64 as the sixteen lower-case hexadecimal digits that `xxhsum -H64` prints. */
export function xxh64Hex(hash: bigint): string {
  return hash.toString(16).padStart(16, '0');
}

/** The XXH64 of a stream that is given in pieces of any size. */
export class StreamHash {
  readonly #state = api.create64();

  update(bytes: Uint8Array): void {
    this.#state.update(bytes);
  }

  /** The hash of all bytes so far; more may follow. */
  digest(): bigint {
    return this.#state.digest();
  }

  hex(): string {
    return xxh64Hex(this.digest());
  }
}
