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
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Draft } from '../../../src/archive/write/draft.ts';
import type { Stage, WritableStore } from '../../../src/store/store.ts';
import { FramePool } from '../../../src/zstd/pool.ts';
import { withArchive } from '../stored.ts';
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

describe('a draft that an interrupted run left', () => {
  const left = async (offered: readonly NewFrame[]) => {
    const { path, store } = await withArchive();
    const draft = await Draft.open(store, directory, small);
    for (const one of offered) await draft.add(one);
    await draft.leave();
    const incoming = join(path, 'streams', `.incoming-${directory}`);
    return { store, incoming, final: join(path, 'streams', directory) };
  };

  it('is continued, and ends as if nothing had happened', async () => {
    const { store, final } = await left(frames.slice(0, 5));
    const draft = await Draft.open(store, directory, small);
    expect(draft.earlierFrames).toBe(5);
    expect(await finish(draft, frames, pool)).toBe(5);
    expect(files(final)).toEqual(await undisturbed(pool));
  });

  it('is continued after a second interruption too', async () => {
    const { store, final } = await left(frames.slice(0, 2));
    const second = await Draft.open(store, directory, small);
    for (const one of frames.slice(0, 2)) expect(await second.keep(one.plain, pool)).toBe(true);
    for (const one of frames.slice(2, 6)) await second.add(one);
    await second.leave();
    expect(await finish(await Draft.open(store, directory, small), frames, pool)).toBe(6);
    expect(files(final)).toEqual(await undisturbed(pool));
  });

  it('counts stored bytes, kept or new', async () => {
    const { store } = await left(frames.slice(0, 2));
    const draft = await Draft.open(store, directory, small);
    for (const one of frames.slice(0, 2)) await draft.keep(one.plain, pool);
    expect(draft.stored).toBe(20 + 30);
    await draft.add(frames[2] as NewFrame);
    expect(draft.stored).toBe(20 + 30 + 40);
    await draft.leave();
  });

  it('is not used for other settings, and is removed', async () => {
    const { store, incoming, final } = await left(frames);
    const draft = await Draft.open(store, directory, { ...small, ctransid: '8' });
    expect(draft.earlierFrames).toBe(0);
    expect(readdirSync(incoming)).toEqual([]);
    expect(await finish(draft, frames.slice(0, 1), pool)).toBe(0);
    expect(files(final)).toEqual(await undisturbed(pool, frames.slice(0, 1)));
  });

  it('is used though another draft of the snapshot exists, which goes in the end', async () => {
    const { store, incoming, final } = await left(frames);
    const other = incoming.replace(/\.(full|from-[0-9a-f]{8})$/, '.from-99999999');
    mkdirSync(other);
    const draft = await Draft.open(store, directory, small);
    expect(draft).toMatchObject({ useless: undefined, earlierFrames: frames.length });
    expect(await finish(draft, frames, pool)).toBe(frames.length);
    expect(files(final)).toEqual(await undisturbed(pool));
    expect(existsSync(other)).toBe(false);
  });

  it('of another parent alone gives the reason why nothing is used', async () => {
    const { path, store } = await withArchive();
    const name = directory.replace(/\.(full|from-[0-9a-f]{8})$/, '.from-99999999');
    mkdirSync(join(path, 'streams', `.incoming-${name}`), { recursive: true });
    const draft = await Draft.open(store, directory, small);
    expect(draft).toMatchObject({ useless: expect.any(String), earlierFrames: 0 });
    await draft.discard();
  });

  it('is used up to the first difference of the stream', async () => {
    const { store, final } = await left(frames);
    const changed = frames.with(3, frame('other', 50));
    expect(await finish(await Draft.open(store, directory, small), changed, pool)).toBe(3);
    expect(files(final)).toEqual(await undisturbed(pool, changed));
  });

  it('leaves no part behind if the stream is shorter now', async () => {
    const { store, final } = await left(frames);
    expect(await finish(await Draft.open(store, directory, small), frames.slice(0, 2), pool)).toBe(
      2,
    );
    expect(files(final)).toEqual(await undisturbed(pool, frames.slice(0, 2)));
  });

  it('does not publish foreign files in it', async () => {
    const { store, incoming, final } = await left(frames);
    writeFileSync(join(incoming, '0009.btrfs.zst'), 'left by another');
    await finish(await Draft.open(store, directory, small), frames, pool);
    expect(files(final)).toEqual(await undisturbed(pool));
  });

  /** Damage that a power cut or a full disk can do to the files. */
  const spoils: [string, number, (incoming: string) => void][] = [
    ['a byte of a part changed', 3, (at) => change(join(at, '0002.btrfs.zst'), 0)],
    [
      'a byte of the contents of a frame changed',
      4,
      (at) => change(join(at, '0002.btrfs.zst'), 70),
    ],
    ['a part cut short', 4, (at) => truncateSync(join(at, '0002.btrfs.zst'), 55)],
    ['a missing part', 3, (at) => rmSync(join(at, '0002.btrfs.zst'))],
    ['the journal gone', 0, (at) => rmSync(join(at, 'journal'))],
    ['the journal empty', 0, (at) => truncateSync(join(at, 'journal'), 0)],
    ['a seek table changed', 7, (at) => change(join(at, '0001.btrfs.zst'), 92)],
  ];
  it.each(spoils)('with %s, loses only that (%i frames kept)', async (_, kept, spoil) => {
    const { store, incoming, final } = await left(frames);
    spoil(incoming);
    expect(await finish(await Draft.open(store, directory, small), frames, pool)).toBe(kept);
    expect(files(final)).toEqual(await undisturbed(pool));
  });

  it('keeps its journal up to the last frame in use', async () => {
    const { store, incoming } = await left(frames.slice(0, 5));
    const journal = join(incoming, 'journal');
    const before = readFileSync(journal);
    const writes: [string, number][] = [];
    const stage: WritableStore['stage'] = async (path) => {
      const inner = await store.stage(path);
      const write: Stage['write'] = (file, keep = 0) => {
        writes.push([file, keep]);
        return inner.write(file, keep);
      };
      return { ...inner, write };
    };
    const draft = await Draft.open({ ...store, stage } as WritableStore, directory, small);
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

  it('with a journal too large for memory, is used up to that size or not at all', async () => {
    const larger = 700 * 2 ** 20;
    const { store, incoming, final } = await left(frames.slice(0, 3));
    truncateSync(join(incoming, 'journal'), larger);
    expect(await finish(await Draft.open(store, directory, small), frames, pool)).toBe(3);
    expect(files(final)).toEqual(await undisturbed(pool));

    const other = await left(frames);
    truncateSync(join(other.incoming, 'journal'), 0);
    truncateSync(join(other.incoming, 'journal'), larger);
    const draft = await Draft.open(other.store, directory, small);
    expect(draft.useless).toBe('its journal is damaged');
    expect(await finish(draft, frames, pool)).toBe(0);
    expect(files(other.final)).toEqual(await undisturbed(pool));
  });

  it('never makes a wrong stream, whatever is cut off its files', async () => {
    const expected = await undisturbed(pool);
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
        await finish(await Draft.open(store, directory, small), frames, pool);
        expect(files(final)).toEqual(expected);
      }),
      { numRuns: 40 },
    );
  });
});

function change(file: string, at: number): void {
  const bytes = readFileSync(file);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(file, bytes);
}
