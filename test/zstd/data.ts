import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { FRAME_SIZE } from '../../src/zstd/frame.ts';
import type { BlockSource } from '../../src/zstd/pipeline.ts';

/** Deterministic bytes that no compressor shrinks. */
export function noise(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed >>> 0 || 1;
  for (let i = 0; i < length; i += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state;
  }
  return bytes;
}

/** Deterministic bytes that shrink to about half. */
export function prose(length: number, seed = 1): Uint8Array {
  const bytes = noise(length, seed);
  for (let i = 0; i < length; i += 1) bytes[i] = 97 + ((bytes[i] ?? 0) & 15);
  return bytes;
}

export const blockLength = fc.oneof(
  fc.integer({ min: 1, max: 5000 }),
  fc.integer({ min: 1, max: FRAME_SIZE }),
  fc.constantFrom(1, 131071, 131072, 131073, FRAME_SIZE - 1, FRAME_SIZE),
);

/** A block of stream of one kind or another. */
export const block: fc.Arbitrary<Uint8Array> = fc
  .tuple(blockLength, fc.constantFrom('noise', 'prose', 'zeros', 'both'), fc.nat())
  .map(([length, kind, seed]) => {
    if (kind === 'noise') return noise(length, seed);
    if (kind === 'prose') return prose(length, seed);
    if (kind === 'zeros') return new Uint8Array(length);
    const half = noise(length, seed);
    half.fill(1, length >> 1);
    return half;
  });

/** Runs the distribution's zstd. */
export function zstd(args: string[], input: Uint8Array): { status: number | null; out: Buffer } {
  const done = spawnSync('zstd', args, { input, maxBuffer: 1 << 28 });
  if (done.error !== undefined) throw done.error;
  return { status: done.status, out: done.stdout };
}

export async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < bytes.length; i += size) yield bytes.subarray(i, i + size);
}

export async function gather(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of stream) all.push(piece.slice());
  return Buffer.concat(all);
}

/** Compares without the cost of a printed difference of megabytes. */
export function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** A source of blocks over pieces of any size. */
export function blocksOf(stream: AsyncIterable<Uint8Array>): BlockSource {
  const iterator = stream[Symbol.asyncIterator]();
  let left: Uint8Array = new Uint8Array(0);
  return {
    async fill(into) {
      let filled = 0;
      while (filled < into.length) {
        if (left.length === 0) {
          const next = await iterator.next();
          if (next.done === true) break;
          left = next.value;
        }
        const taken = left.subarray(0, into.length - filled);
        into.set(taken, filled);
        filled += taken.length;
        left = left.subarray(taken.length);
      }
      return filled;
    },
  };
}
