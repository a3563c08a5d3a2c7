import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Draft } from '../../src/archive/draft.ts';
import { journalLine, journalStart } from '../../src/archive/journal.ts';
import { manifestDocument } from '../../src/manifest/document.ts';
import type { Stage, Store } from '../../src/store/store.ts';
import { checksumOf } from '../../src/zstd/checksum.ts';
import { type CompressedFrame, FramePool } from '../../src/zstd/pool.ts';
import { seekTableSizeOf } from '../../src/zstd/seek-table.ts';
import { storedSize, writeStored } from '../../src/zstd/stored.ts';
import { manifestFor, noise, publish, settings, withArchive } from './stored.ts';

const directory = 'home.11111111.full';
const small = { ...settings, maxPartSize: 200 };

interface NewFrame extends CompressedFrame {
  readonly plain: Uint8Array;
}

/** A frame that is stored in so many bytes. */
function frame(text: string, size = storedSize(text.length)): NewFrame {
  const plain = Buffer.alloc(size - storedSize(0), text);
  const bytes = new Uint8Array(size);
  writeStored(plain, bytes);
  return { plain, bytes, length: plain.length, checksum: checksumOf(plain) };
}

let pool: FramePool;
beforeAll(() => {
  pool = new FramePool({ workers: 1 });
});
afterAll(() => pool.close());

const frames = ['one', 'two', 'three', 'four', 'five', 'six', 'seven'].map((text, at) =>
  frame(text, 20 + 10 * at),
);

/** Offers frames as an export does: keeps what it can, adds the rest, publishes. */
async function finish(draft: Draft, offered: readonly NewFrame[]): Promise<number> {
  let kept = 0;
  let keeping = true;
  for (const one of offered) {
    keeping &&= await draft.keep(one.plain, pool);
    if (keeping) kept++;
    else await draft.add(one);
  }
  await draft.publish(manifestFor);
  return kept;
}

const files = (path: string) =>
  Object.fromEntries(
    readdirSync(path).map((name) => [name, readFileSync(join(path, name)).toString('latin1')]),
  );

/** What a run that nothing disturbed publishes. */
async function undisturbed(offered = frames): Promise<Record<string, string>> {
  const { path, store } = await withArchive();
  expect(await finish(await Draft.open(store, directory, small), offered)).toBe(0);
  return files(join(path, 'streams', directory));
}

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

  it('splits at frames, so that no part is larger than was asked for', async () => {
    const published = await undisturbed();
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
    const stage: Store['stage'] = async (path) => ({
      ...(await store.stage(path)),
      write: async () => sink,
    });
    const draft = await Draft.open({ ...store, stage }, directory, { ...settings, maxPartSize: 1 });
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
    const stage: Store['stage'] = async (path) => ({
      ...(await store.stage(path)),
      left: [{ name: 'journal', kind: 'file', length: start.length + lines.length }],
      read: async function* (file, range) {
        if (file !== 'journal') yield one.bytes;
        else yield* range === undefined ? [start, lines] : [lines];
      },
      write: async () => sink,
    });
    const before = memoryInUse();
    const draft = await Draft.open({ ...store, stage }, directory, settings);
    expect(draft.earlierFrames).toBe(count);
    for (let at = 0; at < count; at++) await draft.keep(one.plain, pool);
    for (let at = 0; at < count; at++) await draft.add(one);
    expect(draft.keptFrames).toBe(count);
    expect((memoryInUse() - before) / (2 * count)).toBeLessThan(50);
    await draft.leave();
  });

  it('is out of sight until it is published', async () => {
    const { path, store } = await withArchive();
    const draft = await Draft.open(store, directory, small);
    await draft.add(frames[0] as NewFrame);
    expect(readdirSync(join(path, 'streams'))).toEqual([`.incoming-${directory}`]);
    await draft.publish(manifestFor);
    expect(readdirSync(join(path, 'streams'))).toEqual([directory]);
  });

  it('removed, leaves nothing', async () => {
    const { path, store } = await withArchive();
    const draft = await Draft.open(store, directory, small);
    await draft.add(frames[0] as NewFrame);
    await draft.discard();
    expect(readdirSync(join(path, 'streams'))).toEqual([]);
  });

  describe('that was left by an interrupted run', () => {
    const left = async (offered: readonly NewFrame[]) => {
      const { path, store } = await withArchive();
      const draft = await Draft.open(store, directory, small);
      for (const one of offered) await draft.add(one);
      await draft.leave();
      const incoming = join(path, 'streams', `.incoming-${directory}`);
      return { store, incoming, final: join(path, 'streams', directory) };
    };

    it('is gone on with, and ends as if nothing had happened', async () => {
      const { store, final } = await left(frames.slice(0, 5));
      const draft = await Draft.open(store, directory, small);
      expect(draft.earlierFrames).toBe(5);
      expect(await finish(draft, frames)).toBe(5);
      expect(files(final)).toEqual(await undisturbed());
    });

    it('is gone on with after a second interruption too', async () => {
      const { store, final } = await left(frames.slice(0, 2));
      const second = await Draft.open(store, directory, small);
      for (const one of frames.slice(0, 2)) expect(await second.keep(one.plain, pool)).toBe(true);
      for (const one of frames.slice(2, 6)) await second.add(one);
      await second.leave();
      expect(await finish(await Draft.open(store, directory, small), frames)).toBe(6);
      expect(files(final)).toEqual(await undisturbed());
    });

    it('counts what is stored, kept or new', async () => {
      const { store } = await left(frames.slice(0, 2));
      const draft = await Draft.open(store, directory, small);
      for (const one of frames.slice(0, 2)) await draft.keep(one.plain, pool);
      expect(draft.stored).toBe(20 + 30);
      await draft.add(frames[2] as NewFrame);
      expect(draft.stored).toBe(20 + 30 + 40);
      await draft.leave();
    });

    it('is not used for other settings, and nothing of it stays', async () => {
      const { store, incoming, final } = await left(frames);
      const draft = await Draft.open(store, directory, { ...small, ctransid: '8' });
      expect(draft.earlierFrames).toBe(0);
      expect(readdirSync(incoming)).toEqual([]);
      expect(await finish(draft, frames.slice(0, 1))).toBe(0);
      expect(files(final)).toEqual(await undisturbed(frames.slice(0, 1)));
    });

    it('is used up to where the stream differs', async () => {
      const { store, final } = await left(frames);
      const changed = frames.with(3, frame('other', 50));
      expect(await finish(await Draft.open(store, directory, small), changed)).toBe(3);
      expect(files(final)).toEqual(await undisturbed(changed));
    });

    it('leaves no part behind when the stream has become shorter', async () => {
      const { store, final } = await left(frames);
      expect(await finish(await Draft.open(store, directory, small), frames.slice(0, 2))).toBe(2);
      expect(files(final)).toEqual(await undisturbed(frames.slice(0, 2)));
    });

    it('can hold foreign files, which are not published', async () => {
      const { store, incoming, final } = await left(frames);
      writeFileSync(join(incoming, '0009.btrfs.zst'), 'left by another');
      await finish(await Draft.open(store, directory, small), frames);
      expect(files(final)).toEqual(await undisturbed());
    });

    /** What a power cut or a full disk can make of the files. */
    const spoils: [string, number, (incoming: string) => void][] = [
      ['a byte of a part changed', 3, (at) => change(join(at, '0002.btrfs.zst'), 0)],
      [
        'a byte of the contents of a frame changed',
        4,
        (at) => change(join(at, '0002.btrfs.zst'), 70),
      ],
      ['a part cut short', 4, (at) => truncateSync(join(at, '0002.btrfs.zst'), 55)],
      ['a part gone', 3, (at) => rmSync(join(at, '0002.btrfs.zst'))],
      ['the journal gone', 0, (at) => rmSync(join(at, 'journal'))],
      ['the journal empty', 0, (at) => truncateSync(join(at, 'journal'), 0)],
      ['a seek table changed', 7, (at) => change(join(at, '0001.btrfs.zst'), 92)],
    ];
    it.each(spoils)('with %s, loses no more than that (%i frames kept)', async (_, kept, spoil) => {
      const { store, incoming, final } = await left(frames);
      spoil(incoming);
      expect(await finish(await Draft.open(store, directory, small), frames)).toBe(kept);
      expect(files(final)).toEqual(await undisturbed());
    });

    it('keeps its journal as it is up to the last frame in use', async () => {
      const { store, incoming } = await left(frames.slice(0, 5));
      const journal = join(incoming, 'journal');
      const before = readFileSync(journal);
      const writes: [string, number][] = [];
      const stage: Store['stage'] = async (path) => {
        const inner = await store.stage(path);
        const write: Stage['write'] = (file, keep = 0) => {
          writes.push([file, keep]);
          return inner.write(file, keep);
        };
        return { ...inner, write };
      };
      const draft = await Draft.open({ ...store, stage }, directory, small);
      for (const one of frames.slice(0, 3)) await draft.keep(one.plain, pool);
      expect(await draft.keep(Buffer.from('x'), pool)).toBe(false);
      expect(readFileSync(journal)).toEqual(before);
      await draft.add(frame('other', 50));
      await draft.leave();
      const kept = before.toString().split('\n').slice(0, 4).join('\n').length + 1;
      expect(writes).toContainEqual(['journal', kept]);
      const after = readFileSync(journal);
      expect(after.subarray(0, kept)).toEqual(before.subarray(0, kept));
      expect(after.toString().split('\n')).toHaveLength(6);
    });

    it('with a journal too large for memory, is of no use, or up to where that makes sense', async () => {
      const larger = 700 * 2 ** 20;
      const { store, incoming, final } = await left(frames.slice(0, 3));
      truncateSync(join(incoming, 'journal'), larger);
      expect(await finish(await Draft.open(store, directory, small), frames)).toBe(3);
      expect(files(final)).toEqual(await undisturbed());

      const other = await left(frames);
      truncateSync(join(other.incoming, 'journal'), 0);
      truncateSync(join(other.incoming, 'journal'), larger);
      const draft = await Draft.open(other.store, directory, small);
      expect(draft.useless).toBe('its journal is damaged');
      expect(await finish(draft, frames)).toBe(0);
      expect(files(other.final)).toEqual(await undisturbed());
    });

    it('never makes a wrong stream, whatever is cut off of its files', async () => {
      const expected = await undisturbed();
      const cut = fc.record({
        frames: fc.integer({ min: 0, max: frames.length }),
        cuts: fc.array(fc.tuple(fc.nat(3), fc.double({ min: 0, max: 1, noNaN: true }))),
      });
      await fc.assert(
        fc.asyncProperty(cut, async ({ frames: count, cuts }) => {
          const { store, incoming, final } = await left(frames.slice(0, count));
          for (const [which, share] of cuts) {
            const name = readdirSync(incoming)[which];
            if (name === undefined) continue;
            const { length } = readFileSync(join(incoming, name));
            truncateSync(join(incoming, name), Math.floor(length * share));
          }
          await finish(await Draft.open(store, directory, small), frames);
          expect(files(final)).toEqual(expected);
        }),
        { numRuns: 40 },
      );
    });
  });

  it('that could not become visible is gone on with', async () => {
    const { path, store } = await withArchive();
    const final = join(path, 'streams', directory);
    mkdirSync(final, { recursive: true });
    writeFileSync(join(final, 'in the way'), '');
    await expect(finish(await Draft.open(store, directory, small), frames)).rejects.toThrow();
    rmSync(final, { recursive: true });
    expect(await finish(await Draft.open(store, directory, small), frames)).toBe(frames.length);
    expect(files(final)).toEqual(await undisturbed());
  });

  it('does not replace what is published', async () => {
    const { path, store } = await withArchive();
    const final = join(path, 'streams', directory);
    mkdirSync(final, { recursive: true });
    writeFileSync(join(final, 'manifest.json'), 'of value');
    await expect(finish(await Draft.open(store, directory, small), frames)).rejects.toThrow();
    expect(files(final)).toEqual({ 'manifest.json': 'of value' });
    expect(existsSync(join(path, 'streams', `.incoming-${directory}`))).toBe(true);
  });
});

function offsets(parts: readonly { streamLength: number }[]): number[] {
  let at = 0;
  return parts.slice(0, -1).map((part) => {
    at += part.streamLength;
    return at;
  });
}

/** Bytes that are still needed. */
function memoryInUse(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function change(file: string, at: number): void {
  const bytes = readFileSync(file);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(file, bytes);
}
