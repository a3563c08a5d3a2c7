import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Draft } from '../../../src/archive/draft.ts';
import { Copies } from '../../../src/operations/export/copies.ts';
import type { Store } from '../../../src/store/store.ts';
import { FRAME_SIZE } from '../../../src/zstd/frame.ts';
import { compressFrames, type PlainBlock, plainBlocks } from '../../../src/zstd/pipeline.ts';
import { FramePool } from '../../../src/zstd/pool.ts';
import { manifestFor, settings, withArchive } from '../../archive/stored.ts';
import { blocksOf, pieces, prose } from '../../zstd/data.ts';

const directory = 'home.11111111.full';
const FRAMES = 10;
const content = prose(FRAMES * FRAME_SIZE - 1000);
const blocks = (pool: FramePool) => plainBlocks(blocksOf(pieces(content, 1 << 20)), pool);

/** What an export leaves that is interrupted after so many frames. */
async function leave(store: Store, frames: number): Promise<void> {
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

test('more copies than slots, each of another age, are gone on with and end alike', async () => {
  const pool = new FramePool({ workers: 1 });
  const ages = [2, 3, 4, 5, 6, 7, 8, 9];
  const archives = await Promise.all(ages.map(() => withArchive()));
  for (const [at, { store }] of archives.entries()) await leave(store, ages[at] as number);
  const failures: unknown[] = [];
  const differences: string[] = [];
  const copies = await Copies.open({
    stores: archives.map(({ store }) => store),
    directory,
    settings,
    pool,
    onFailure: (_, failure) => failures.push(failure),
    onDifference: (_, used) => differences.push(used),
  });
  async function* fresh(all: AsyncIterable<PlainBlock>): AsyncGenerator<PlainBlock> {
    for await (const block of all) {
      if (await copies.offer(block.bytes)) yield block;
      else pool.release(block.slot);
    }
  }
  for await (const frame of compressFrames(fresh(blocks(pool)), pool, settings.level)) {
    await copies.add(frame);
  }
  await copies.publish(manifestFor);
  await pool.close();
  expect([failures, differences]).toEqual([[], []]);
  expect(copies.frames).toEqual({ frames: FRAMES, reusedFrames: 2 });
  const parts = archives.map(({ path }) =>
    readFileSync(join(path, 'streams', directory, '0001.btrfs.zst')).toString('latin1'),
  );
  expect(new Set(parts).size).toBe(1);
});
