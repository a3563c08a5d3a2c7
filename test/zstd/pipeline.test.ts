import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { Failure } from '../../src/failure/failure.ts';
import { availableEngines } from '../../src/zstd/engines.ts';
import { FRAME_SIZE } from '../../src/zstd/frame.ts';
import type { StoredFrame } from '../../src/zstd/frame-states.ts';
import {
  compressFrames,
  decompressFrames,
  examineFrames,
  type PartSource,
  readFrames,
  streamBlocks,
} from '../../src/zstd/pipeline.ts';
import { FramePool } from '../../src/zstd/pool.ts';
import { decodeSeekTable, encodeSeekTable, type SeekEntry } from '../../src/zstd/seek-table.ts';
import { turns, until } from '../processes.ts';
import { blocksOf, gather, noise, pieces, prose, same, zstd } from './data.ts';

async function pack(stream: AsyncIterable<Uint8Array>, pool: FramePool): Promise<Buffer> {
  const part: Uint8Array[] = [];
  const entries: SeekEntry[] = [];
  for await (const { bytes, length, checksum } of compressFrames(
    streamBlocks(blocksOf(stream), pool),
    pool,
    1,
  )) {
    part.push(bytes.slice());
    entries.push({ size: bytes.length, length, checksum });
  }
  return Buffer.concat([...part, encodeSeekTable(entries)]);
}

function unpack(part: Uint8Array, pool: FramePool) {
  const entries = decodeSeekTable(part, part.length);
  return readFrames(partOf(part), entries, pool, { place: { file: 'part' } });
}

async function* contents(frames: AsyncIterable<StoredFrame>, pool: FramePool) {
  for await (const { content } of decompressFrames(frames, pool)) yield content;
}

function partOf(part: Uint8Array): PartSource {
  return {
    async read(into, offset) {
      if (offset + into.length > part.length) throw new Failure('read-failed', 'part ends');
      into.set(part.subarray(offset, offset + into.length));
    },
  };
}

/** All slots of a pool with two workers: none was lost. */
async function allSlots(pool: FramePool): Promise<number> {
  const slots = await Promise.all([1, 2, 3, 4, 5, 6, 7].map(() => pool.acquire()));
  for (const slot of slots) pool.release(slot);
  return slots.length;
}

/** Frames that take unequal times: noise is stored, prose is compressed. */
function mixture(length: number): Uint8Array {
  const bytes = prose(length, 7);
  for (let i = 0; i < length; i += 2 * FRAME_SIZE) {
    bytes.set(noise(Math.min(FRAME_SIZE, length - i), i + 1), i);
  }
  return bytes;
}

describe.each(availableEngines())('pipeline with %s', (engine) => {
  const pool = new FramePool({ engine, workers: 2 });
  afterAll(() => pool.close());

  it.each([0, 1, FRAME_SIZE - 1, FRAME_SIZE, FRAME_SIZE + 1, 11 * FRAME_SIZE + 5])(
    'brings a stream of %i bytes back, in order, as zstd does',
    async (length) => {
      const stream = mixture(length);
      const part = await pack(pieces(stream, 70_001), pool);
      expect(same(await gather(contents(unpack(part, pool), pool)), stream)).toBe(true);
      const { status, out } = zstd(['-dc'], part);
      expect(status).toBe(0);
      expect(same(out, stream)).toBe(true);
      expect(zstd(['-t'], part).status).toBe(0);
      expect(await allSlots(pool)).toBe(7);
    },
  );

  it('does not depend on how the bytes are split', async () => {
    const stream = mixture(FRAME_SIZE + 3000);
    const whole = await pack(pieces(stream, stream.length), pool);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 500, max: 5 * FRAME_SIZE }), async (size) => {
        expect(same(await pack(pieces(stream, size), pool), whole)).toBe(true);
        const back = await gather(contents(unpack(whole, pool), pool));
        return same(back, stream);
      }),
      { numRuns: 8 },
    );
  });

  it('is listed by zstd with its frames and its seek table', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'btrferry-'));
    const file = join(directory, '0001.btrfs.zst');
    writeFileSync(file, await pack(pieces(mixture(3 * FRAME_SIZE + 1), 1 << 16), pool));
    const { stdout, status } = spawnSync('zstd', ['-lv', file], { encoding: 'utf8' });
    rmSync(directory, { recursive: true });
    expect(status).toBe(0);
    expect(stdout).toMatch(/Zstandard Frames: 4/);
    expect(stdout).toMatch(/Skippable Frames: 1/);
    expect(stdout).toMatch(/Check: XXH64/);
    expect(stdout).toContain(`(${3 * FRAME_SIZE + 1} B)`);
  });

  it('is refused by zstd if any frame has a flipped byte', async () => {
    const part = await pack(pieces(mixture(5 * FRAME_SIZE + 70_000), 1 << 16), pool);
    const directory = mkdtempSync(join(tmpdir(), 'btrferry-'));
    const file = join(directory, '0001.btrfs.zst');
    const refused = () => {
      writeFileSync(file, part);
      return spawnSync('zstd', ['-tq', file]).status !== 0;
    };
    expect(refused()).toBe(false);
    let offset = 0;
    for (const { size } of decodeSeekTable(part, part.length)) {
      const at = offset + Math.floor(size / 2);
      part[at] = (part[at] ?? 0) ^ 1;
      expect(refused(), `byte ${at}`).toBe(true);
      part[at] = (part[at] ?? 0) ^ 1;
      offset += size;
    }
    expect(refused()).toBe(false);
    rmSync(directory, { recursive: true });
  });

  it('names the damaged frame, and checks the others', async () => {
    const stream = mixture(5 * FRAME_SIZE);
    const part = await pack(pieces(stream, 1 << 16), pool);
    const [first, second] = decodeSeekTable(part, part.length) as [SeekEntry, SeekEntry];
    const at = first.size + Math.floor(second.size / 2);
    part[at] = (part[at] ?? 0) ^ 1;
    const found: Array<number | Failure> = [];
    for await (const { content, failure } of examineFrames(unpack(part, pool), pool)) {
      found.push(failure ?? content?.length ?? 0);
    }
    const damage = expect.objectContaining({
      code: 'frame-damaged',
      where: expect.objectContaining({ file: 'part', offset: first.size }),
    });
    expect(found).toEqual([FRAME_SIZE, damage, FRAME_SIZE, FRAME_SIZE, FRAME_SIZE]);
    let intact = 0;
    const reading = async () => {
      for await (const { length } of contents(unpack(part, pool), pool)) intact += length;
    };
    await expect(reading()).rejects.toEqual(damage);
    expect(intact).toBe(FRAME_SIZE);
  });

  it('gives the contents of a frame with a wrong checksum', async () => {
    const stream = noise(FRAME_SIZE);
    const part = await pack(pieces(stream, 1 << 16), pool);
    part[1000] = (part[1000] ?? 0) ^ 1;
    for await (const { content, failure } of examineFrames(unpack(part, pool), pool)) {
      expect(failure?.code).toBe('frame-damaged');
      let different = 0;
      for (const [at, byte] of (content ?? []).entries()) if (byte !== stream[at]) different++;
      expect([content?.length, different]).toEqual([FRAME_SIZE, 1]);
    }
    expect(await allSlots(pool)).toBe(7);
  });

  it('refuses a part that ends early', async () => {
    const part = await pack(pieces(mixture(2 * FRAME_SIZE), 1 << 16), pool);
    const entries = decodeSeekTable(part, part.length);
    for (const end of [0, 1, entries[0]?.size ?? 0, part.length - 100]) {
      const cut = readFrames(partOf(part.subarray(0, end)), entries, pool);
      await expect(gather(contents(cut, pool))).rejects.toThrow('part ends');
    }
    expect(await allSlots(pool)).toBe(7);
  });

  it('gives all slots back when left early, or when the source fails', async () => {
    const source = pieces(mixture(20 * FRAME_SIZE), 1 << 20);
    for await (const frame of compressFrames(streamBlocks(blocksOf(source), pool), pool, 1)) {
      expect(frame.length).toBe(FRAME_SIZE);
      break;
    }
    expect(await allSlots(pool)).toBe(7);

    const failing = async function* () {
      yield* pieces(prose(3 * FRAME_SIZE + 10), 1 << 16);
      throw new Failure('send-failed', 'it failed');
    };
    let frames = 0;
    const reading = async () => {
      for await (const _ of compressFrames(streamBlocks(blocksOf(failing()), pool), pool, 1))
        frames += 1;
    };
    await expect(reading()).rejects.toMatchObject({ code: 'send-failed' });
    expect(frames).toBe(3);
    expect(await allSlots(pool)).toBe(7);
  });

  it('reads no further ahead than the pool has slots', async () => {
    let read = 0;
    const endless = async function* () {
      const piece = prose(FRAME_SIZE);
      for (;;) {
        read += 1;
        yield piece;
      }
    };
    let consumed = 0;
    for await (const _ of compressFrames(streamBlocks(blocksOf(endless()), pool), pool, 1)) {
      consumed += 1;
      await until(() => read - consumed >= 6);
      await turns(100);
      expect(read - consumed).toBeLessThanOrEqual(7);
      if (consumed === 12) break;
    }
    expect(await allSlots(pool)).toBe(7);
  });
});

it('ends a pipeline when aborted', async () => {
  const abort = new AbortController();
  const pool = new FramePool({ workers: 2, signal: abort.signal });
  const endless = async function* () {
    const piece = noise(FRAME_SIZE);
    for (;;) yield piece;
  };
  const reading = async () => {
    let frames = 0;
    for await (const _ of compressFrames(streamBlocks(blocksOf(endless()), pool), pool, 1)) {
      frames += 1;
      if (frames === 3) abort.abort();
    }
  };
  await expect(reading()).rejects.toMatchObject({ code: 'interrupted' });
  await pool.close();
});

it('does not keep the process alive, but does while work is under way', () => {
  const pool = fileURLToPath(new URL('../../dist/zstd/pool.js', import.meta.url));
  const script = `
    const { FramePool } = await import(${JSON.stringify(pool)});
    const pool = new FramePool({ workers: 2 });
    const slot = await pool.acquire();
    const { bytes } = await pool.compress(slot, slot.input.subarray(0, 100_000), 3);
    process.stdout.write(String(bytes.length < 1000));`;
  const done = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  expect(done).toMatchObject({ status: 0, stdout: 'true', stderr: '' });
});
