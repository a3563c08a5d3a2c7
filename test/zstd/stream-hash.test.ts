import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StreamHash, xxh64, xxh64Hex } from '../../src/zstd/stream-hash.ts';
import { noise } from './data.ts';

describe('XXH64', () => {
  it('of nothing is the published value', () => {
    expect(new StreamHash().hex()).toBe('ef46db3751d8e999');
    expect(xxh64(new Uint8Array(0))).toBe(0xef46db3751d8e999n);
  });

  it('is the same in any pieces', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 300_000 }),
        fc.array(fc.integer({ min: 1, max: 100_000 }), { maxLength: 8 }),
        (length, cuts) => {
          const bytes = noise(length);
          const hash = new StreamHash();
          let from = 0;
          for (const cut of cuts) {
            hash.update(bytes.subarray(from, from + cut));
            from = Math.min(length, from + cut);
          }
          hash.update(bytes.subarray(from));
          return hash.digest() === xxh64(bytes);
        },
      ),
    );
  });

  it('is what zstd stores in its frames', () => {
    const bytes = noise(200_000);
    const { stdout } = spawnSync('zstd', ['-c', '--check'], { input: bytes });
    const low = Buffer.from(stdout).readUInt32LE(stdout.length - 4);
    expect(Number(xxh64(bytes) & 0xffffffffn)).toBe(low);
  });

  it('has sixteen digits', () => {
    expect(xxh64Hex(0xabcn)).toBe('0000000000000abc');
  });
});
