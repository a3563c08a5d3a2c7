/** Decides from samples whether a block is worth compressing. */
import type { Engine } from './engine.ts';

const SAMPLES = 16;
const SAMPLE_SIZE = 4 * 1024;
/** A block that shrinks by a smaller share is stored uncompressed. */
const WORTHWHILE = 0.03;

const gathered = new Uint8Array(SAMPLES * SAMPLE_SIZE);
const scratch = new Uint8Array(gathered.length + 1024);

/**
 * Compresses samples from all over `block` at level 1, in about a hundredth of the time that the
 * whole block takes. Small blocks are always worth compressing.
 */
export function isCompressible(block: Uint8Array, engine: Engine): boolean {
  if (block.length < 2 * gathered.length) return true;
  const step = (block.length - SAMPLE_SIZE) / (SAMPLES - 1);
  for (let i = 0; i < SAMPLES; i += 1) {
    const start = Math.floor(i * step);
    gathered.set(block.subarray(start, start + SAMPLE_SIZE), i * SAMPLE_SIZE);
  }
  const size = engine.compress(gathered, scratch, 1);
  return size !== undefined && size <= gathered.length * (1 - WORTHWHILE);
}
