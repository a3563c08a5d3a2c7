import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Draft } from '../../../src/archive/write/draft.ts';
import { Drafts, type DraftsOptions } from '../../../src/archive/write/drafts.ts';
import { Failure } from '../../../src/failure/failure.ts';
import type { WritableStore } from '../../../src/store/store.ts';
import { FRAME_SIZE } from '../../../src/zstd/frame.ts';
import { compressFrames, type StreamBlock, streamBlocks } from '../../../src/zstd/pipeline.ts';
import { FramePool } from '../../../src/zstd/pool.ts';
import { memoryStore } from '../../store/memory.ts';
import { blocksOf, pieces, prose } from '../../zstd/data.ts';
import { manifestFor, settings, withArchive } from '../stored.ts';
import { directory, frame } from './frames.ts';

const FRAMES = 10;
const content = prose(FRAMES * FRAME_SIZE - 1000);
const blocks = (pool: FramePool) => streamBlocks(blocksOf(pieces(content, 1 << 20)), pool);
const never = new AbortController().signal;

/** Writes the first frames of the stream, and stops as an interrupted export does. */
async function interrupt(store: WritableStore, frames: number): Promise<void> {
  const pool = new FramePool({ workers: 1 });
  const draft = await Draft.open(store, directory, settings);
  let written = 0;
  for await (const frame of compressFrames(blocks(pool), pool, settings.level)) {
    if (written++ === frames) break;
    await draft.add(frame);
  }
  await draft.leave();
  await pool.close();
}

function withOptions(stores: readonly WritableStore[], change: Partial<DraftsOptions> = {}) {
  const pool = new FramePool({ workers: 1 });
  onTestFinished(() => pool.close());
  const failures: unknown[] = [];
  const differences: string[] = [];
  const options: DraftsOptions = {
    archives: stores.map((store) => ({ store, lost: never })),
    directory,
    settings,
    pool,
    onFailure: (_, failure) => failures.push(failure),
    onDifference: (_, used) => differences.push(used),
    ...change,
  };
  return { options, failures, differences };
}

describe('drafts of one stream in several archives', () => {
  it('continue drafts of different lengths, more of them than slots, and end alike', async () => {
    const lengths = [2, 3, 4, 5, 6, 7, 8, 9];
    const archives = await Promise.all(lengths.map(() => withArchive()));
    for (const [at, { store }] of archives.entries()) await interrupt(store, lengths[at] as number);
    const { options, failures, differences } = withOptions(archives.map(({ store }) => store));
    const { pool } = options;
    const drafts = await Drafts.open(options);
    async function* lacking(all: AsyncIterable<StreamBlock>): AsyncGenerator<StreamBlock> {
      for await (const block of all) {
        if (await drafts.offer(block.bytes)) yield block;
        else pool.release(block.slot);
      }
    }
    const frames = compressFrames(lacking(blocks(pool)), pool, settings.level);
    for await (const frame of frames) await drafts.add(frame);
    await drafts.publish(manifestFor);
    expect([failures, differences]).toEqual([[], []]);
    expect(drafts.frames).toEqual({ frames: FRAMES, reusedFrames: 2 });
    const parts = archives.map(({ path }) =>
      readFileSync(join(path, 'streams', directory, '0001.btrfs.zst')).toString('latin1'),
    );
    expect(new Set(parts).size).toBe(1);
  });

  it('continue without an archive that fails', async () => {
    const full = new Failure('no-space', 'full', { hint: 'none' });
    const bad = memoryStore(new Map(), (operation) => {
      if (operation === 'write') throw full;
    });
    const good = memoryStore();
    const { options, failures } = withOptions([bad, good]);
    const drafts = await Drafts.open(options);
    const one = frame('one');
    expect(await drafts.offer(one.plain)).toBe(true);
    await drafts.add(one);
    await drafts.publish(manifestFor);
    expect(failures).toEqual([full]);
    const manifest = `streams/${directory}/manifest.json`;
    expect([bad.files.has(manifest), good.files.has(manifest)]).toEqual([false, true]);
  });

  it('end with the failure of the last archive', async () => {
    const gone = new Failure('storage-failed', 'gone', { hint: 'none' });
    const store = memoryStore(new Map(), (operation) => {
      if (operation === 'close') throw gone;
    });
    const { options, failures } = withOptions([store]);
    const drafts = await Drafts.open(options);
    const one = frame('one');
    await drafts.offer(one.plain);
    await drafts.add(one);
    await expect(drafts.publish(manifestFor)).rejects.toBe(gone);
    expect(failures).toEqual([]);
  });

  it('are refused if no archive can be opened', async () => {
    const stores = [0, 1].map(() =>
      memoryStore(new Map([[`streams/${directory}/manifest.json`, Buffer.from('of value')]])),
    );
    const { options, failures } = withOptions(stores);
    await expect(Drafts.open(options)).rejects.toMatchObject({ code: 'storage-failed' });
    expect(failures).toMatchObject([{ code: 'archive-conflict' }, { code: 'archive-conflict' }]);
    const only = withOptions(stores.slice(0, 1)).options;
    await expect(Drafts.open(only)).rejects.toMatchObject({ code: 'archive-conflict' });
  });

  it('publish nothing in an archive whose lock was lost', async () => {
    const stores = [memoryStore(), memoryStore()] as const;
    const locks = await Promise.all(stores.map((store) => store.lock()));
    const archives = stores.map((store, at) => ({ store, lost: locks[at]?.lost ?? never }));
    const { options, failures } = withOptions([], { archives });
    const drafts = await Drafts.open(options);
    const one = frame('one');
    await drafts.offer(one.plain);
    await drafts.add(one);
    stores[0].loseLock();
    await drafts.publish(manifestFor);
    expect(failures).toMatchObject([{ code: 'storage-failed' }]);
    const manifest = `streams/${directory}/manifest.json`;
    expect(stores.map(({ files }) => files.has(manifest))).toEqual([false, true]);
  });

  it('keep their files after a defect of the program', async () => {
    const bad = memoryStore(new Map(), (operation) => {
      if (operation === 'write') throw new TypeError('a defect');
    });
    const { options } = withOptions([bad, memoryStore()]);
    const drafts = await Drafts.open(options);
    const one = frame('one');
    await drafts.offer(one.plain);
    await expect(drafts.add(one)).rejects.toThrow(TypeError);
  });
});
