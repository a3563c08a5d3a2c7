import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checksumOf } from '../../src/zstd/checksum.ts';
import { isCompressible } from '../../src/zstd/compressible.ts';
import { DecodeError } from '../../src/zstd/engine.ts';
import {
  availableEngines,
  checkLevel,
  defaultEngine,
  engineLimits,
  loadEngine,
} from '../../src/zstd/engines.ts';
import {
  checkFrame,
  FRAME_SIZE,
  frameChecksum,
  MAX_STORED_SIZE,
  withoutChecksum,
} from '../../src/zstd/frame.ts';
import { block, noise, prose, same, zstd } from './data.ts';

const engines = await Promise.all(availableEngines().map(loadEngine));
const output = new Uint8Array(MAX_STORED_SIZE);

describe('engines', () => {
  it('are both available if the runtime has zstd', () => {
    const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
    const builtIn = major > 22 || (major === 22 && minor >= 15);
    expect(availableEngines()).toEqual(builtIn ? ['node:zlib', 'zstd-codec'] : ['zstd-codec']);
    expect(defaultEngine()).toBe(builtIn ? 'node:zlib' : 'zstd-codec');
  });

  it('say their range of levels', () => {
    checkLevel(9, 'zstd-codec');
    checkLevel(19, 'node:zlib');
    expect(() => checkLevel(10, 'zstd-codec')).toThrow(
      expect.objectContaining({ code: 'usage', message: expect.stringContaining('1 to 9') }),
    );
    for (const level of [0, -1, 20, 1.5, Number.NaN]) {
      expect(() => checkLevel(level, 'node:zlib')).toThrow('1 to 19');
    }
  });
});

describe.each(engines)('$name', (engine) => {
  const { maxLevel } = engineLimits[engine.name];

  it('writes frames that each engine and zstd read', () => {
    fc.assert(
      fc.property(block, fc.integer({ min: 1, max: Math.min(maxLevel, 9) }), (content, level) => {
        const size = engine.compress(content, output, level) ?? 0;
        const frame = output.slice(0, size);
        checkFrame(frame, content.length);
        expect(frameChecksum(frame)).toBe(checksumOf(content));
        const back = new Uint8Array(content.length);
        for (const other of engines) {
          back.fill(0);
          other.decompress(frame, back);
          expect(same(back, content)).toBe(true);
        }
        const { status, out } = zstd(['-dc'], frame);
        return status === 0 && same(out, content);
      }),
      { numRuns: 25 },
    );
  });

  it('compresses a full frame at its highest level, many times', () => {
    for (let i = 0; i < (engine.name === 'zstd-codec' ? 12 : 2); i += 1) {
      expect(engine.compress(prose(FRAME_SIZE, i + 1), output, maxLevel)).toBeGreaterThan(0);
      expect(engine.compress(noise(70_000, i + 1), output, 1)).toBeGreaterThan(0);
    }
  });

  it('fails if the frame does not fit', () => {
    expect(engine.compress(noise(10_000), new Uint8Array(9_000), 3)).toBeUndefined();
    const size = engine.compress(prose(10_000), output, 3) ?? 0;
    for (const room of [size - 1, size - 4]) {
      expect(engine.compress(prose(10_000), new Uint8Array(room), 3)).toBeUndefined();
    }
    expect(engine.compress(prose(10_000), new Uint8Array(size), 3)).toBe(size);
  });

  it('refuses a wrong checksum, and accepts the contents if there is none', () => {
    const content = prose(70_000);
    const frame = output.slice(0, engine.compress(content, output, 3));
    const back = new Uint8Array(content.length);
    for (let at = frame.length - 4; at < frame.length; at += 1) {
      const bad = frame.with(at, (frame[at] ?? 0) ^ 1);
      checkFrame(bad, content.length);
      expect(() => engine.decompress(bad, back)).toThrow(DecodeError);
      back.fill(0);
      engine.decompress(withoutChecksum(bad), back);
      expect(same(back, content)).toBe(true);
    }
  });

  it('refuses an unexpected length', () => {
    const frame = output.slice(0, engine.compress(prose(5000), output, 3));
    for (const length of [1, 4999, 5001, FRAME_SIZE]) {
      expect(() => engine.decompress(frame, new Uint8Array(length))).toThrow(DecodeError);
    }
    expect(() => engine.decompress(frame.subarray(0, 100), new Uint8Array(5000))).toThrow();
    expect(() => engine.decompress(noise(100), new Uint8Array(5000))).toThrow(DecodeError);
  });

  it('finds each flipped byte of a frame, together with the check of its header', () => {
    const content = prose(600);
    const frame = output.slice(0, engine.compress(content, output, 3));
    let refused = 0;
    for (let i = 0; i < frame.length; i += 1) {
      for (const flip of [1, 0x80, 0xff]) {
        const bad = frame.slice();
        bad[i] = (bad[i] ?? 0) ^ flip;
        const back = new Uint8Array(content.length);
        try {
          checkFrame(bad, content.length);
          engine.decompress(bad, back);
        } catch {
          refused += 1;
          continue;
        }
        // A flip may leave the content as it was (spare bits); it must never change it.
        expect(same(back, content)).toBe(true);
      }
    }
    expect(refused).toBeGreaterThan(0);
  });

  it('knows what is worth compressing', () => {
    expect(isCompressible(noise(FRAME_SIZE), engine)).toBe(false);
    expect(isCompressible(prose(FRAME_SIZE), engine)).toBe(true);
    expect(isCompressible(noise(1000), engine)).toBe(true);
    const mixed = noise(FRAME_SIZE);
    mixed.fill(0, 0, FRAME_SIZE / 4);
    expect(isCompressible(mixed, engine)).toBe(true);
  });
});
