import { mkdirSync, truncateSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { Event } from '../../../src/events/event.ts';
import type { StreamListed } from '../../../src/events/list.ts';
import { Failure } from '../../../src/failure/failure.ts';
import { runList } from '../../../src/operations/list/run.ts';
import { contextWith } from '../context.ts';
import { identity, told, uuid, withArchive } from './archives.ts';

async function list(...archives: string[]) {
  const events: Event[] = [];
  const result = await runList(
    { archives },
    contextWith((event) => void events.push(event)),
  );
  const streams = events.filter((event): event is StreamListed => event.type === 'stream-listed');
  const byName = (name: string) => streams.find(({ stream }) => stream.name === name);
  return { events, result, byName };
}

it('lists streams and what they need', async () => {
  const { at, add } = withArchive();
  add('a', identity('1'), null);
  add('b', identity('2'), identity('1'), [identity('9')]);
  add('c', identity('3'), identity('2'));
  const { events, result, byName } = await list(at);
  expect(result).toMatchObject({ exit: 0, done: 3, restorable: 1 });
  expect(byName('a')).toMatchObject({ kind: 'full', restorable: true, missing: [], parent: null });
  expect(byName('b')).toMatchObject({
    archive: at,
    parent: told('1'),
    missing: [told('9')],
    restorable: false,
    stored: 18,
    length: 5_000_000_000,
  });
  expect(byName('c')).toMatchObject({ missing: [], restorable: false });
  expect(events.at(-1)).toMatchObject({
    type: 'archive-listed',
    label: 'holiday drive',
    streams: 3,
    stored: 54,
    damaged: [],
  });
});

it('archives complete each other, and so does a receipt', async () => {
  const [one, two] = [withArchive(), withArchive()];
  one.add('a', identity('1'), null);
  two.add('b', identity('2'), identity('1'));
  expect((await list(two.at)).byName('b')).toMatchObject({
    missing: [told('1')],
    restorable: false,
  });
  expect((await list(one.at, two.at)).byName('b')).toMatchObject({ missing: [], restorable: true });
  two.receipt(identity('1'));
  expect((await list(two.at)).byName('b')).toMatchObject({ missing: [], restorable: false });
});

it('a parent of another ctransid is missing', async () => {
  const { at, add, receipt } = withArchive();
  add('a', identity('1', '7'), null);
  add('b', identity('2'), identity('1', '8'));
  receipt(identity('1', '9'));
  expect((await list(at)).byName('b')).toMatchObject({ missing: [told('1', '8')] });
});

it('a damaged manifest is named, the others are listed, and the exit code is 4', async () => {
  const { at, add } = withArchive();
  add('a', identity('1'), null);
  truncateSync(add('b', identity('2'), identity('1')), 100);
  mkdirSync(`${at}/streams/.incoming-c.33333333.full`);
  const { events, result } = await list(at);
  expect(result).toMatchObject({ exit: 4, done: 1, refused: 1 });
  expect(events.at(-1)).toMatchObject({
    damaged: [{ directory: 'streams/b.incremental', failure: { code: 'manifest-damaged' } }],
    unfinished: ['c.33333333.full'],
  });
});

it('a damaged receipt counts as absent, with a warning', async () => {
  const { at, add, receipt } = withArchive();
  add('b', identity('2'), identity('1'));
  truncateSync(receipt(identity('1')), 50);
  const { events, result, byName } = await list(at);
  expect(events[0]).toMatchObject({ type: 'warning', code: 'manifest-unusable' });
  expect(byName('b')?.missing).toEqual([{ uuid: uuid('1'), ctransid: '7' }]);
  expect(result.exit).toBe(0);
});

it('no archive, and an interrupted listing', async () => {
  await expect(list('/nowhere')).rejects.toMatchObject({ code: 'not-an-archive' });
  const signal = AbortSignal.abort(new Failure('interrupted', 'interrupted'));
  await expect(
    runList(
      { archives: ['/x'] },
      contextWith(() => {}, signal),
    ),
  ).rejects.toMatchObject({
    code: 'interrupted',
  });
});
