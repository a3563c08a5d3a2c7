import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checksumOf } from '../../src/zstd/checksum.ts';
import { checkFrame, FRAME_SIZE, frameChecksum } from '../../src/zstd/frame.ts';
import { rawFrameSize, writeRawFrame } from '../../src/zstd/raw-frame.ts';
import { blockLength, noise, same, zstd } from './data.ts';

describe('stored frames', () => {
  it('are read by zstd', () => {
    fc.assert(
      fc.property(fc.oneof(fc.constant(0), blockLength), fc.nat(), (length, seed) => {
        const content = noise(length, seed);
        const output = new Uint8Array(rawFrameSize(length));
        expect(writeRawFrame(content, output)).toBe(output.length);
        checkFrame(output, length);
        expect(frameChecksum(output)).toBe(checksumOf(content));
        const { status, out } = zstd(['-dc'], output);
        return status === 0 && same(out, content);
      }),
      { numRuns: 25 },
    );
  });

  it('need their full length, and hold at most one frame', () => {
    const bytes = noise(10);
    expect(() => writeRawFrame(bytes, new Uint8Array(rawFrameSize(10) - 1))).toThrow(RangeError);
    const large = new Uint8Array(FRAME_SIZE + 1);
    expect(() => writeRawFrame(large, new Uint8Array(FRAME_SIZE * 2))).toThrow(RangeError);
  });
});
