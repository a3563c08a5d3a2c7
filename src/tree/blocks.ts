/**
 * How the contents of a file are hashed: in blocks of one size, each with its own SHA-256. Blocks of
 * {@link WHOLE} let several threads hash one large file, and those of {@link FINE} show where in a
 * file two trees differ.
 */
import { hash } from 'node:crypto';
import { DIGEST } from './entry.ts';

/** Bytes of a block where only equality matters. */
export const WHOLE = 16 * 1024 * 1024;
/** Bytes of a block where the place of a difference matters. */
export const FINE = 16 * 1024;

/** The digest of one block of a file. */
export function digestAt(digests: Uint8Array, block: number): Uint8Array {
  return digests.subarray(block * DIGEST, (block + 1) * DIGEST);
}

const zeros = new Map<number, Uint8Array>();

/** The digest of a block of this many zeros. */
export function digestOfZeros(length: number): Uint8Array {
  const known = zeros.get(length);
  if (known !== undefined) return known;
  const digest = hash('sha256', Buffer.alloc(length), 'buffer');
  zeros.set(length, digest);
  return digest;
}
