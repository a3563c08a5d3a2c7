import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checksumOf, FramesHash } from '../../src/zstd/checksum.ts';
import { noise } from './data.ts';

/** The distribution's XXH64, read from what zstd stores behind its frames. */
function referee(bytes: Uint8Array): number {
  const { stdout } = spawnSync('zstd', ['-c', '--check'], { input: bytes });
  return Buffer.from(stdout).readUInt32LE(stdout.length - 4);
}

describe('the checksum of a frame', () => {
  it('equals the one that zstd stores in its frames', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 300_000 }), (length) => {
        const bytes = noise(length);
        return checksumOf(bytes) === referee(bytes);
      }),
      { numRuns: 20 },
    );
  });

  it('of nothing is the low half of the published value', () => {
    expect(checksumOf(new Uint8Array(0))).toBe(0x51d8e999);
  });
});

describe('the hash of a stream', () => {
  const hashOf = (checksums: readonly number[]) => {
    const hash = new FramesHash();
    for (const checksum of checksums) hash.add(checksum);
    return hash.hex();
  };
  const words = fc.array(fc.integer({ min: 0, max: 0xffff_ffff }), { maxLength: 300 });

  it('of nothing is the published value', () => {
    expect(hashOf([])).toBe('ef46db3751d8e999');
  });

  it('covers the checksums, each as four bytes, little-endian', () => {
    fc.assert(
      fc.property(words, (checksums) => {
        const bytes = Buffer.alloc(4 * checksums.length);
        for (const [at, checksum] of checksums.entries()) bytes.writeUInt32LE(checksum, 4 * at);
        return Number.parseInt(hashOf(checksums).slice(8), 16) === checksumOf(bytes);
      }),
    );
  });

  it('depends on each of them and on their order', () => {
    const hashes = [[], [1], [2], [1, 2], [2, 1], [1, 2, 0]].map(hashOf);
    expect(new Set(hashes).size).toBe(hashes.length);
    for (const hash of hashes) expect(hash).toMatch(/^[0-9a-f]{16}$/);
  });
});
