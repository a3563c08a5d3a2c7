import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openStream } from '../../src/zstd/decompress-any.ts';
import { availableEngines } from '../../src/zstd/engines.ts';
import { FRAME_SIZE } from '../../src/zstd/frame.ts';
import { rawFrameSize, writeRawFrame } from '../../src/zstd/raw-frame.ts';
import { encodeSeekTable } from '../../src/zstd/seek-table.ts';
import { gather, noise, pieces, prose, same, zstd } from './data.ts';

const damage = expect.objectContaining({ code: 'frame-damaged' });

function stored(content: Uint8Array): Uint8Array {
  const frame = new Uint8Array(rawFrameSize(content.length));
  writeRawFrame(content, frame);
  return frame;
}

/** A frame with its content size, as ours are. */
const small = (content: Uint8Array) => zstd(['-c', `--stream-size=${content.length}`], content).out;
const skippable = Uint8Array.of(0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3);

describe.each(availableEngines())('openStream with %s', (engine) => {
  const open = (bytes: Uint8Array, size = 65_536) =>
    gather(openStream(pieces(bytes, size), { engine }));

  it('passes a raw stream through, even one of few or no bytes', async () => {
    for (const length of [0, 1, 3, 4, 100_000]) {
      const bytes = noise(length);
      expect(same(await open(bytes), bytes)).toBe(true);
    }
  });

  it('reads frames, skippable frames and seek tables in any pieces', async () => {
    const parts = [prose(5000), noise(300_000), new Uint8Array(0), prose(FRAME_SIZE, 3)];
    const file = Buffer.concat([
      skippable,
      small(parts[0] as Uint8Array),
      stored(parts[1] as Uint8Array),
      small(parts[2] as Uint8Array),
      skippable,
      small(parts[3] as Uint8Array),
      encodeSeekTable([{ size: 9, length: 9, checksum: 9 }]),
    ]);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1000, max: file.length }), async (size) => {
        return same(await open(file, size), Buffer.concat(parts));
      }),
      { numRuns: 6 },
    );
    const short = Buffer.concat([skippable, small(prose(2000)), stored(prose(50))]);
    expect(same(await open(short, 1), Buffer.concat([prose(2000), prose(50)]))).toBe(true);
  });

  it('reads the output of zstd for a pipe, and several of them', async () => {
    const content = Buffer.concat([prose(5 * FRAME_SIZE), noise(1000)]);
    const frame = zstd(['-c', '-3'], content).out;
    expect(same(await open(frame), content)).toBe(true);
    const twice = Buffer.concat([frame, small(prose(100)), skippable, frame]);
    const expected = Buffer.concat([content, prose(100), content]);
    expect(same(await open(twice), expected)).toBe(true);
    const dense = zstd(['-c', '-19'], prose(300_000)).out; // a window of 8 MiB
    expect(same(await open(dense), prose(300_000))).toBe(true);
  });

  it('reads many long frames one after another', async () => {
    const frame = zstd(['-c', '--no-check'], prose(10_000)).out;
    const content = await open(Buffer.concat(new Array(50).fill(frame)));
    expect(content.length).toBe(500_000);
  });

  it('refuses every truncation', async () => {
    for (const file of [
      Buffer.concat([small(prose(100)), skippable]),
      zstd(['-c'], prose(150)).out,
    ]) {
      const ends = new Set([small(prose(100)).length]);
      for (let n = 4; n < file.length; n += 1) {
        if (ends.has(n)) continue;
        await expect(open(file.subarray(0, n)), `at ${n}`).rejects.toEqual(damage);
      }
    }
  });

  it('refuses anything after the frames that is not a frame, and says where', async () => {
    const frame = small(prose(300));
    await expect(open(Buffer.concat([frame, noise(50)]))).rejects.toMatchObject({
      code: 'frame-damaged',
      where: { offset: frame.length },
    });
  });

  it('notices flips in a long frame by its checksum', async () => {
    const frame = zstd(['-c', '--check'], prose(300_000)).out;
    for (let i = 6; i < frame.length; i += 9973) {
      const bad = Buffer.from(frame);
      bad[i] = (bad[i] ?? 0) ^ 0x10;
      await expect(open(bad), `byte ${i}`).rejects.toEqual(damage);
    }
  });

  it('notices flips in a frame of ours, and passes the frame on if requested', async () => {
    const frame = stored(prose(300_000));
    frame[1000] = (frame[1000] ?? 0) ^ 1;
    await expect(open(frame)).rejects.toEqual(damage);
    const content = await gather(openStream(pieces(frame, 65_536), { engine, proved: false }));
    const expected = prose(300_000);
    expected[1000 - 12] = (expected[1000 - 12] ?? 0) ^ 1;
    expect(same(content, expected)).toBe(true);
  });

  it('refuses bombs: a small frame that expands, a dictionary, a vast window', async () => {
    const zeros = zstd(['-c', '--no-check'], new Uint8Array(50 * FRAME_SIZE)).out;
    // The same blocks behind a header that declares 1,000 bytes.
    const liar = Buffer.concat([
      Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0xe8, 0x03, 0, 0),
      zeros.subarray(6),
    ]);
    await expect(open(liar)).rejects.toEqual(damage);
    await expect(
      open(Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x21, 9, 1, 9, 0, 0, 0)),
    ).rejects.toEqual(damage);
    const vast = Buffer.from(zeros);
    vast[5] = 0xff;
    await expect(open(vast)).rejects.toThrow('window');
  });

  it('passes on errors of the source', async () => {
    for (const frame of [zstd(['-c'], prose(5000)).out, small(prose(5000)), prose(5000)]) {
      const failing = async function* () {
        yield frame.subarray(0, 1000);
        throw new Error('unplugged');
      };
      await expect(gather(openStream(failing(), { engine }))).rejects.toThrow('unplugged');
    }
  });

  it('tells the source when it is left early', async () => {
    let told = false;
    const frame = zstd(['-c'], prose(FRAME_SIZE)).out;
    const source = async function* () {
      try {
        for (;;) yield frame;
      } finally {
        told = true;
      }
    };
    for await (const _ of openStream(source(), { engine })) break;
    expect(told).toBe(true);
  });
});
