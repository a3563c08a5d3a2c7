import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Event } from '../../../src/events/event.ts';
import type { CopyOptions } from '../../../src/operations/copy/options.ts';
import { runCopy } from '../../../src/operations/copy/run.ts';
import { runDoctor } from '../../../src/operations/doctor/run.ts';
import { runList } from '../../../src/operations/list/run.ts';
import { FRAME_SIZE } from '../../../src/zstd/frame.ts';
import { noise, publish, withArchive, withTemporary } from '../../archive/stored.ts';
import { contextWith } from '../context.ts';

const directory = 'home.11111111.full';
const part = (archive: string, name = '0001.btrfs.zst') =>
  join(archive, 'streams', directory, name);

/** An archive with one stream of two parts. */
async function archive(): Promise<string> {
  const { path, store } = await withArchive();
  await publish(store, directory, noise(FRAME_SIZE + 1000), { maxPartSize: FRAME_SIZE + 1000 });
  return path;
}

async function copy(from: readonly string[], to: string, more: Partial<CopyOptions> = {}) {
  const events: Event[] = [];
  const options = { only: [], dependencies: true, label: undefined, mode: undefined };
  const result = await runCopy(
    { ...options, storageClass: undefined, create: true, dryRun: false, from, to, ...more },
    contextWith((event) => void events.push(event)),
  );
  const warnings = events.flatMap((event) => (event.type === 'warning' ? [event.code] : []));
  return { result, warnings };
}

const flip = (file: string) => {
  const bytes = readFileSync(file);
  writeFileSync(file, bytes.with(50, (bytes[50] ?? 0) ^ 1));
};

const same = (a: string, b: string) =>
  ['0001.btrfs.zst', '0002.btrfs.zst', 'manifest.json', 'SHA256SUMS'].every((name) =>
    readFileSync(part(a, name)).equals(readFileSync(part(b, name))),
  );

describe('a copy', () => {
  it('writes nothing if it is dry, then all, then nothing again', async () => {
    const [from, to] = [await archive(), join(withTemporary(), 'to')];
    expect((await copy([from], to, { dryRun: true })).result).toMatchObject({ exit: 0, done: 0 });
    expect(existsSync(to)).toBe(false);
    expect((await copy([from], to)).result).toMatchObject({ exit: 0, done: 1, skipped: 0 });
    expect(same(from, to)).toBe(true);
    expect((await copy([from], to)).result).toMatchObject({ exit: 0, done: 0, skipped: 1 });
    expect((await copy([from], to, { dryRun: true })).result).toMatchObject({ exit: 0, done: 0 });
  });

  it.each<[string, (to: string) => void]>([
    ['a changed part', (to) => flip(part(to))],
    ['a part that is cut short', (to) => writeFileSync(part(to), '')],
    ['a part that is gone', (to) => rmSync(part(to, '0002.btrfs.zst'))],
    ['a manifest that is gone', (to) => rmSync(part(to, 'manifest.json'))],
    ['a manifest that is damaged', (to) => appendFileSync(part(to, 'manifest.json'), 'x')],
  ])('mends %s', async (_, spoil) => {
    const [from, to] = [await archive(), await archive()];
    spoil(to);
    expect((await copy([from], to)).result).toMatchObject({ exit: 0, done: 1 });
    expect(same(from, to)).toBe(true);
  });

  it('leaves a file alone that is not of the stream', async () => {
    const [from, to] = [await archive(), await archive()];
    writeFileSync(part(to, '0009.btrfs.zst'), 'foreign');
    expect((await copy([from], to)).result).toMatchObject({ exit: 4, refused: 1 });
    expect(existsSync(part(to, '0009.btrfs.zst'))).toBe(true);
  });

  it('takes parts from two archives, each of which is damaged elsewhere', async () => {
    const [one, two, to] = [await archive(), await archive(), join(withTemporary(), 'to')];
    flip(part(one));
    flip(part(two, '0002.btrfs.zst'));
    const { result, warnings } = await copy([one, two], to);
    expect([result.exit, warnings]).toEqual([0, ['copy-damaged']]);
    const tar = join(withTemporary(), 'both.tar');
    expect((await copy([one, two], tar)).result.exit).toBe(0);
    flip(part(two));
    expect((await copy([one, two], join(withTemporary(), 'none'))).result.exit).toBe(4);
    await expect(copy([one, two], `${tar}.tar`)).rejects.toMatchObject({ code: 'part-damaged' });
  });

  it('goes through a tar file and back', async () => {
    const [from, tar, to] = [await archive(), join(withTemporary(), 'f.tar'), withTemporary()];
    expect((await copy([from], tar)).result).toMatchObject({ exit: 0, done: 1 });
    await expect(copy([from], tar)).rejects.toMatchObject({ code: 'archive-unfit' });
    expect((await copy([tar], join(to, 'a'))).result.exit).toBe(0);
    expect(same(from, join(to, 'a'))).toBe(true);
    const listed = await runList(
      { archives: [tar] },
      contextWith(() => {}),
    );
    expect(listed).toMatchObject({ exit: 0, done: 1, restorable: 1 });
    await expect(copy([from], from)).rejects.toMatchObject({ code: 'usage' });
  });
});

it('doctor says what a place of an archive holds, and what it lacks', async () => {
  const damaged = await archive();
  rmSync(part(damaged, 'manifest.json'));
  const tar = join(withTemporary(), 'f.tar');
  writeFileSync(tar, 'no tar');
  const places = [await archive(), damaged, withTemporary(), tar];
  const found: Record<string, string[]> = {};
  await runDoctor(
    { archives: places },
    contextWith((event) => {
      if (event.type !== 'checked' || event.archive === undefined) return;
      found[event.archive] = [...(found[event.archive] ?? []), `${event.what} ${event.state}`];
    }),
  );
  const states = places.map((place) => found[place]?.filter((line) => line.startsWith('archive')));
  expect(states).toEqual([
    ['archive good'],
    ['archive limited'],
    ['archive good'],
    ['archive missing'],
  ]);
  const pipe = runDoctor(
    { archives: ['-'] },
    contextWith(() => {}),
  );
  await expect(pipe).rejects.toMatchObject({ code: 'usage' });
});
