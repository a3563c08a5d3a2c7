import type { BlockSource } from './pipeline.ts';

/** Makes a source of pieces of any length. It takes the next piece when it has used the last one. */
export function sourceOf(pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): BlockSource {
  const iterator = each(pieces);
  let rest: Uint8Array = new Uint8Array(0);
  return {
    async fill(into) {
      let filled = 0;
      while (filled < into.length) {
        if (rest.length === 0) {
          const { value, done } = await iterator.next();
          if (done) break;
          rest = value;
          continue;
        }
        const taken = rest.subarray(0, into.length - filled);
        into.set(taken, filled);
        filled += taken.length;
        rest = rest.subarray(taken.length);
      }
      return filled;
    },
  };
}

async function* each(
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield* pieces;
}

/** Copies pieces for a reader that reads ahead, because each is valid until the next one. */
export async function* kept(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) yield new Uint8Array(piece);
}
