import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { Failure } from '../../src/failure/failure.ts';
import { checksumOf } from '../../src/zstd/checksum.ts';
import { availableEngines } from '../../src/zstd/engines.ts';
import { FRAME_SIZE, withoutChecksum } from '../../src/zstd/frame.ts';
import type { FrameContent, FrameSlot, StoredFrame } from '../../src/zstd/frame-states.ts';
import { FramePool } from '../../src/zstd/pool.ts';
import { rawFrameSize } from '../../src/zstd/raw-frame.ts';
import type { SeekEntry } from '../../src/zstd/seek-table.ts';
import { block, noise, prose, same, zstd } from './data.ts';

const damage = expect.objectContaining({ code: 'frame-damaged' });

/** A job that no worker survives. */
function killOneWorker(pool: FramePool, slot: FrameSlot) {
  return pool.compress(slot, null as unknown as Uint8Array, 3);
}

const filled = (slot: FrameSlot, content: Uint8Array) => {
  slot.input.set(content);
  return slot.input.subarray(0, content.length);
};

/** A frame at the start of its slot. */
const packedIn = (slot: FrameSlot, frame: Uint8Array, entry: SeekEntry): StoredFrame => ({
  slot,
  stored: filled(slot, frame),
  entry,
  where: {},
});

describe.each(availableEngines())('pool with %s', (engine) => {
  const pool = new FramePool({ engine, workers: 2 });
  afterAll(() => pool.close());

  it('brings a block back', async () => {
    await fc.assert(
      fc.asyncProperty(block, fc.integer({ min: 1, max: 5 }), async (content, level) => {
        const slot = await pool.acquire();
        const frame = await pool.compress(slot, filled(slot, content), level);
        expect(frame.checksum).toBe(checksumOf(content));
        expect(frame.bytes.length).toBeLessThanOrEqual(rawFrameSize(content.length));
        expect(same(zstd(['-dc'], frame.bytes).out, content)).toBe(true);
        const entry = {
          size: frame.bytes.length,
          length: content.length,
          checksum: frame.checksum,
        };
        const stored = packedIn(slot, frame.bytes, entry);
        const back = await pool.decompress(stored);
        expect(back.checksum).toBe(frame.checksum);
        expect(same(back.content, content)).toBe(true);
        pool.release(slot);
      }),
      { numRuns: 20 },
    );
  });

  it('stores what does not shrink', async () => {
    const slot = await pool.acquire();
    const { bytes } = await pool.compress(slot, filled(slot, noise(FRAME_SIZE)), 3);
    expect(bytes.length).toBe(rawFrameSize(FRAME_SIZE));
    pool.release(slot);
  });

  it('refuses levels that its engine lacks', async () => {
    const slot = await pool.acquire();
    await expect(pool.compress(slot, slot.input.subarray(0, 1), 20)).rejects.toMatchObject({
      code: 'usage',
    });
    pool.release(slot);
  });

  it('finds damage, says where, and continues', async () => {
    const slot = await pool.acquire();
    const content = prose(1500);
    const { bytes, checksum } = await pool.compress(slot, filled(slot, content), 3);
    const frame = bytes.slice();
    const entry = { size: frame.length, length: content.length, checksum };
    const where = { file: '0001.btrfs.zst', offset: 42 };
    for (let i = 0; i < frame.length; i += 7) {
      const bad = frame.with(i, (frame[i] ?? 0) ^ 0xff);
      const outcome = await pool
        .decompress({ ...packedIn(slot, bad, entry), where })
        .catch((error: unknown) => error);
      if (outcome instanceof Failure) {
        expect(outcome).toEqual(damage);
        expect(outcome.where).toMatchObject(where);
      } else {
        expect(same((outcome as FrameContent).content, content)).toBe(true);
      }
    }
    const told = (change: Partial<SeekEntry>) =>
      pool.decompress(packedIn(slot, frame, { ...entry, ...change }));
    await expect(told({ checksum: 1 })).rejects.toMatchObject({
      code: 'frame-damaged',
      where: { expected: '00000001' },
    });
    await expect(told({ length: 1499 })).rejects.toEqual(damage);
    expect(same((await told({})).content, content)).toBe(true);
    pool.release(slot);
  });

  it('gives the contents of a frame that do not match a checksum', async () => {
    const slot = await pool.acquire();
    const content = prose(1500);
    const { bytes, checksum } = await pool.compress(slot, filled(slot, content), 3);
    const entry = { size: bytes.length, length: content.length, checksum };
    const own = bytes.with(-1, (bytes.at(-1) ?? 0) ^ 1);
    const hex = checksum.toString(16).padStart(8, '0');
    const frames: [Uint8Array, SeekEntry, string | undefined][] = [
      [own, entry, undefined],
      [bytes.slice(), { ...entry, checksum: checksum ^ 1 }, hex],
    ];
    for (const [frame, said, found] of frames) {
      const left = await pool.examine(packedIn(slot, frame, said));
      expect(left.failure).toEqual(damage);
      expect(left.failure?.where.found).toBe(found);
      expect(same(left.content ?? new Uint8Array(0), content)).toBe(true);
    }
    const bare = withoutChecksum(own);
    const outcome = pool.decompress(packedIn(slot, bare, { ...entry, size: bare.length }));
    await expect(outcome).rejects.toThrow('no checksum');
    pool.release(slot);
  });

  it('survives the death of a worker', async () => {
    const slots = await Promise.all([pool.acquire(), pool.acquire(), pool.acquire()]);
    const dying = killOneWorker(pool, slots[0] as FrameSlot);
    const others = slots.slice(1).map((slot) => pool.compress(slot, filled(slot, prose(1000)), 3));
    await expect(dying).rejects.toThrow('a frame worker died');
    await expect(dying).rejects.not.toBeInstanceOf(Failure);
    for (const { checksum } of await Promise.all(others)) {
      expect(checksum).toBe(checksumOf(prose(1000)));
    }
    for (const slot of slots) pool.release(slot);
  });

  it('reports damage if a worker dies over a stored frame', async () => {
    const slot = await pool.acquire();
    const { bytes, checksum } = await pool.compress(slot, filled(slot, prose(1000)), 3);
    const entry = { size: bytes.length, length: 1000, checksum };
    // No bytes, but what the check of a frame's outside takes for such.
    const deadly = Array.from<number | bigint>(bytes).with(-1, 0n) as unknown as Uint8Array;
    const frame = { ...packedIn(slot, bytes, entry), stored: deadly };
    await expect(pool.decompress(frame)).rejects.toEqual(damage);
    pool.release(slot);
  });
});

describe('pool', () => {
  it('has few slots, and gives them in turn', async () => {
    const pool = new FramePool({ workers: 1 });
    const slots = await Promise.all([1, 2, 3, 4, 5].map(() => pool.acquire()));
    let got: FrameSlot | undefined;
    const waiting = pool.acquire().then((slot) => {
      got = slot;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(got).toBeUndefined();
    pool.release(slots[2] as FrameSlot);
    await waiting;
    expect(got).toBe(slots[2]);
    await pool.close();
  });

  it('fails the work under way when it is aborted', async () => {
    const abort = new AbortController();
    const pool = new FramePool({ workers: 1, signal: abort.signal });
    const slots = await Promise.all([1, 2, 3, 4, 5].map(() => pool.acquire()));
    const jobs = slots.map((slot) => pool.compress(slot, slot.input.subarray(0, FRAME_SIZE), 3));
    const waiting = pool.acquire();
    abort.abort();
    for (const outcome of await Promise.allSettled([...jobs, waiting, pool.acquire()])) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'interrupted' } });
    }
    await pool.close();
    const late = new FramePool({ signal: abort.signal });
    await expect(late.acquire()).rejects.toMatchObject({ code: 'interrupted' });
  });

  it('passes on the failure of the abort signal, and leaves no listener', async () => {
    const abort = new AbortController();
    const pool = new FramePool({ workers: 1, signal: abort.signal });
    await pool.close();
    expect(getEventListeners(abort.signal, 'abort')).toEqual([]);
    abort.abort(new Failure('no-space', 'full'));
    await expect(new FramePool({ signal: abort.signal }).acquire()).rejects.toThrow('full');
  });

  it('fails, and does not hang, when its workers cannot start', async () => {
    const pool = new FramePool({ engine: 'none' as 'zstd-codec', workers: 1 });
    const slot = await pool.acquire();
    await expect(pool.compress(slot, slot.input.subarray(0, 10), 3)).rejects.toThrow();
    await pool.close();
  });

  it('accepts no work once it is closed', async () => {
    const pool = new FramePool({ workers: 1 });
    const slot = await pool.acquire();
    const job = pool.compress(slot, slot.input.subarray(0, FRAME_SIZE), 3);
    await Promise.all([expect(job).rejects.toThrow('closed'), pool.close()]);
    await expect(pool.acquire()).rejects.toThrow('closed');
    await expect(pool.compress(slot, slot.input.subarray(0, 1), 3)).rejects.toThrow('closed');
  });
});
