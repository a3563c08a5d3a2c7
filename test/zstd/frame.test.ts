import { describe, expect, it } from 'vitest';
import {
  checkFrame,
  FRAME_SIZE,
  MAX_HEADER_SIZE,
  parseBlockHeader,
  parseFrameHeader,
} from '../../src/zstd/frame.ts';
import { writeRawFrame } from '../../src/zstd/raw-frame.ts';
import { prose, zstd } from './data.ts';

const damage = expect.objectContaining({ code: 'frame-damaged' });

function stored(content: Uint8Array): Uint8Array {
  const output = new Uint8Array(content.length + 1000);
  return output.slice(0, writeRawFrame(content, output));
}

describe('frame header', () => {
  it.each([0, 1, 255, 256, 65791, 65792, 1_000_000])('of zstd, %i bytes', (length) => {
    const frame = zstd(['-c', '--no-check', `--stream-size=${length}`], prose(length)).out;
    const header = parseFrameHeader(frame);
    expect(header).toMatchObject({ contentSize: length, dictionaryId: 0, hasChecksum: false });
    expect(() => checkFrame(frame, length)).toThrow('no checksum');
    checkFrame(zstd(['-c', '--check', `--stream-size=${length}`], prose(length)).out, length);
  });

  it('of zstd, with checksum and without a content size', () => {
    const frame = zstd(['-c'], prose(100_000)).out;
    expect(parseFrameHeader(frame)).toMatchObject({
      contentSize: undefined,
      hasChecksum: true,
      singleSegment: false,
      windowSize: FRAME_SIZE,
    });
    expect(() => checkFrame(frame, 100_000)).toThrow('does not say its size');
  });

  it('needs all its bytes, and no more', () => {
    const frame = zstd(['-c', '--stream-size=300'], prose(300)).out;
    const size = parseFrameHeader(frame)?.size ?? 0;
    expect(size).toBeLessThanOrEqual(MAX_HEADER_SIZE);
    for (let n = 0; n < size; n += 1)
      expect(parseFrameHeader(frame.subarray(0, n))).toBeUndefined();
    expect(parseFrameHeader(frame.subarray(0, size))).toBeDefined();
  });

  it('reads every field of a header with all of them', () => {
    const bytes = Uint8Array.of(
      0x28,
      0xb5,
      0x2f,
      0xfd,
      0xc7,
      0x5b,
      1,
      2,
      3,
      4,
      5,
      0,
      0,
      0,
      1,
      0,
      0,
      0,
    );
    expect(parseFrameHeader(bytes)).toEqual({
      size: 18,
      contentSize: 2 ** 32 + 5,
      windowSize: 2 ** 21 + 3 * 2 ** 18,
      singleSegment: false,
      hasChecksum: true,
      dictionaryId: 0x04030201,
    });
  });

  it('refuses input that is not a frame, a reserved bit, and sizes above 2^53', () => {
    expect(() => parseFrameHeader(Uint8Array.of(1, 2, 3, 4))).toThrow(damage);
    expect(() => parseFrameHeader(Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x08, 0))).toThrow(damage);
    const huge = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0xe0, ...new Uint8Array(8).fill(0xff));
    expect(() => parseFrameHeader(huge)).toThrow(damage);
  });
});

describe('checkFrame', () => {
  const frame = stored(prose(1000));

  it('covers exactly the frame', () => {
    checkFrame(frame, 1000);
    expect(() => checkFrame(frame, 999)).toThrow(damage);
    expect(() => checkFrame(Buffer.concat([frame, Buffer.alloc(1)]), 1000)).toThrow(damage);
    expect(() => checkFrame(Buffer.concat([frame, frame]), 1000)).toThrow(damage);
  });

  it('refuses every truncation', () => {
    for (let n = 0; n < frame.length; n += 1) {
      expect(() => checkFrame(frame.subarray(0, n), 1000)).toThrow(damage);
    }
  });

  it('refuses a bomb by its header', () => {
    const bomb = frame.slice();
    new DataView(bomb.buffer).setUint32(5, 0xffffffff, true);
    expect(() => checkFrame(bomb, 1000, { file: 'x', offset: 7 })).toThrow(
      expect.objectContaining({
        code: 'frame-damaged',
        where: expect.objectContaining({ file: 'x', offset: 7, found: '4294967295 bytes' }),
      }),
    );
    expect(() => checkFrame(bomb, 0xffffffff)).toThrow(damage);
  });

  it('refuses a frame that needs a dictionary', () => {
    const needy = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x21, 9, 1, 9, 0, 0, 0);
    expect(() => checkFrame(needy, 1)).toThrow('dictionary 9');
  });

  it('refuses reserved block types and oversized blocks', () => {
    expect(() => parseBlockHeader(Uint8Array.of(0x07, 0, 0))).toThrow(damage);
    expect(() => parseBlockHeader(Uint8Array.of(0xff, 0xff, 0xf9))).toThrow(damage);
    expect(parseBlockHeader(Uint8Array.of(1, 0))).toBeUndefined();
  });
});
