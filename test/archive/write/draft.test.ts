import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Draft } from '../../../src/archive/write/draft.ts';
import { journalLine, journalStart } from '../../../src/archive/write/journal.ts';
import { manifestDocument } from '../../../src/manifest/document.ts';
import type { WritableStore } from '../../../src/store/store.ts';
import { FramePool } from '../../../src/zstd/pool.ts';
import { seekTableSizeOf } from '../../../src/zstd/seek-table.ts';
import { manifestFor, noise, publish, settings, withArchive } from '../stored.ts';
import {
  directory,
  files,
  finish,
  frame,
  frames,
  type NewFrame,
  small,
  undisturbed,
} from './frames.ts';

let pool: FramePool;
beforeAll(() => {
  pool = new FramePool({ workers: 1 });
});
afterAll(() => pool.close());

describe('a draft', () => {
  it('becomes a stream that stock tools can check and read', async () => {
    const { path, store } = await withArchive();
    const content = noise(5_000_000);
    await publish(store, directory, content, { maxPartSize: 2_200_000 });
    const cwd = join(path, 'streams', directory);
    expect(readdirSync(cwd)).toEqual([
      ...['0001.btrfs.zst', '0002.btrfs.zst', '0003.btrfs.zst'],
      ...['SHA256SUMS', 'manifest.json'],
    ]);
    execFileSync('sha256sum', ['--strict', '-c', 'SHA256SUMS'], { cwd, stdio: 'pipe' });
    const plain = execFileSync('sh', ['-c', 'cat *.btrfs.zst | zstd -d'], {
      cwd,
      maxBuffer: 2 ** 30,
    });
    expect(plain.equals(content)).toBe(true);
    execFileSync('sh', ['-c', 'zstd -tq *.btrfs.zst'], { cwd });
  });

  it('splits at frames, so that no part is larger than the limit', async () => {
    const published = await undisturbed(pool);
    const manifest = manifestDocument.decode(
      Buffer.from(published['manifest.json'] ?? '', 'latin1'),
      'manifest.json',
    );
    const sizes = manifest.parts.map((part) => published[part.file]?.length);
    expect(sizes).toEqual(manifest.parts.map((part) => part.length));
    expect(manifest.parts.length).toBeGreaterThan(2);
    for (const size of sizes) expect(size).toBeLessThanOrEqual(small.maxPartSize);
    // The next frame would not have fitted any more.
    const [first] = manifest.parts;
    const inFirst = frames.filter((_, at) => at < 3);
    const length = inFirst.reduce((sum, one) => sum + one.bytes.length, 0);
    expect(first?.length).toBe(length + seekTableSizeOf(inFirst.length));
    expect(manifest.parts.map((part) => part.offset)).toEqual([0, ...offsets(manifest.parts)]);
  });

  it('has no more parts than a manifest can list', async () => {
    const done = async () => {};
    const sink = { write: done, sync: done, close: done, abandon: done };
    const { store } = await withArchive();
    // Ten thousand files, each made durable, would take a while.
    const stage: WritableStore['stage'] = async (path) => ({
      ...(await store.stage(path)),
      write: async () => sink,
    });
    const draft = await Draft.open({ ...store, stage } as WritableStore, directory, {
      ...settings,
      maxPartSize: 1,
    });
    for (let at = 0; at < 9999; at++) await draft.add(frame('x'));
    await expect(draft.add(frame('x'))).rejects.toMatchObject({
      code: 'usage',
      hint: 'give a larger --max-part-size',
    });
  });

  it('takes a few bytes of memory for each frame, kept or new', async () => {
    const { store } = await withArchive();
    const one = frame('x');
    const line = journalLine({ part: 0, size: one.bytes.length, length: one.length });
    const count = 50_000;
    const start = Buffer.from(journalStart(settings));
    const lines = Buffer.alloc(count * line.length, line);
    const done = async () => {};
    const sink = { write: done, sync: done, close: done, abandon: done };
    // To read and write so many in files would take a while.
    const stage: WritableStore['stage'] = async (path) => ({
      ...(await store.stage(path)),
      leftovers: [{ name: 'journal', kind: 'file', length: start.length + lines.length }],
      read: async function* (file, range) {
        if (file !== 'journal') yield one.bytes;
        else yield* range === undefined ? [start, lines] : [lines];
      },
      write: async () => sink,
    });
    const before = await memoryInUse();
    const draft = await Draft.open({ ...store, stage } as WritableStore, directory, settings);
    expect(draft.earlierFrames).toBe(count);
    for (let at = 0; at < count; at++) await draft.keep(one.plain, pool);
    for (let at = 0; at < count; at++) await draft.add(one);
    expect(draft.keptFrames).toBe(count);
    expect(((await memoryInUse()) - before) / (2 * count)).toBeLessThan(50);
    await draft.leave();
  });

  it('is hidden until it is published', async () => {
    const { path, store } = await withArchive();
    const draft = await Draft.open(store, directory, small);
    await draft.add(frames[0] as NewFrame);
    expect(readdirSync(join(path, 'streams'))).toEqual([`.incoming-${directory}`]);
    await draft.publish(manifestFor);
    expect(readdirSync(join(path, 'streams'))).toEqual([directory]);
  });

  it('leaves nothing when it is removed', async () => {
    const { path, store } = await withArchive();
    const draft = await Draft.open(store, directory, small);
    await draft.add(frames[0] as NewFrame);
    await draft.discard();
    expect(readdirSync(join(path, 'streams'))).toEqual([]);
  });

  it('keeps its files for the next run if it cannot be published', async () => {
    const { path, store } = await withArchive();
    const final = join(path, 'streams', directory);
    const draft = await Draft.open(store, directory, small);
    mkdirSync(final, { recursive: true });
    writeFileSync(join(final, 'in the way'), '');
    await expect(finish(draft, frames, pool)).rejects.toMatchObject({ code: 'storage-failed' });
    rmSync(final, { recursive: true });
    expect(await finish(await Draft.open(store, directory, small), frames, pool)).toBe(
      frames.length,
    );
    expect(files(final)).toEqual(await undisturbed(pool));
  });

  it('is refused if its directory is taken', async () => {
    const { path, store } = await withArchive();
    const final = join(path, 'streams', directory);
    mkdirSync(final, { recursive: true });
    writeFileSync(join(final, 'manifest.json'), 'of value');
    await expect(Draft.open(store, directory, small)).rejects.toMatchObject({
      code: 'archive-conflict',
      where: { archive: path, file: `streams/${directory}` },
    });
    expect(files(final)).toEqual({ 'manifest.json': 'of value' });
    expect(readdirSync(join(path, 'streams'))).toEqual([directory]);
  });
});

function offsets(parts: readonly { streamLength: number }[]): number[] {
  let at = 0;
  return parts.slice(0, -1).map((part) => {
    at += part.streamLength;
    return at;
  });
}

/** Bytes that are still needed. What the event loop holds is let go first. */
async function memoryInUse(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc');
  for (let time = 0; time < 3; time++) {
    await setImmediate();
    gc();
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
