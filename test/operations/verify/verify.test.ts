import { mkdirSync, readdirSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Event } from '../../../src/events/event.ts';
import { Failure } from '../../../src/failure/failure.ts';
import { receiptDocument } from '../../../src/manifest/document.ts';
import { runVerify } from '../../../src/operations/verify/run.ts';
import { archiveHeader, withTemporary } from '../../archive/stored.ts';
import { btrferrySync, eventsIn } from '../../program.ts';
import { contextWith } from '../context.ts';
import { flip, MiB, told, uuid, verify, withChain } from './chain.ts';

const receipt = {
  format: 'btrferry/receipt',
  version: 1,
  tool: { name: 'btrferry', version: '0.1.0' },
  createdAt: '2026-11-22T10:00:00Z',
} as const;

test('an intact archive is good', () => {
  const { archive } = withChain();
  for (const options of [[], ['--quick']]) {
    const { exit, first, second } = verify(archive, ...options);
    expect(exit).toBe(0);
    expect([first?.failures, second?.failures]).toEqual([[], []]);
  }
});

test('frames that the manifest does not describe, with and without --quick', () => {
  const { archive } = withChain({
    manifest: (m) => ({ ...m, stream: { ...m.stream, framesXxh64: '0123456789abcdef' } }),
  });
  for (const options of [[], ['--quick']]) {
    const { exit, first } = verify(archive, ...options);
    expect(exit).toBe(4);
    expect(first?.failures.map((failure) => failure.code)).toEqual([
      'stream-differs-from-manifest',
    ]);
    expect(first?.intact).toBe(false);
  }
});

test('a flipped byte: the part, the frame, the file, and the dependent streams', () => {
  const { archive, part } = withChain();
  flip(part('0001.btrfs.zst'), 2.5 * MiB);
  const { exit, first, second } = verify(archive);
  expect(exit).toBe(4);
  expect(first?.failures[0]).toMatchObject({
    code: 'frame-damaged',
    where: { file: 'streams/mon.11111111.full/0001.btrfs.zst' },
  });
  expect(first?.losses).toHaveLength(1);
  const [loss] = first?.losses ?? [];
  expect(loss?.files).toEqual(['one.raw']);
  expect((loss?.to ?? 0) - (loss?.from ?? 0)).toBeLessThan(50_000);
  expect(first?.dependents.map(({ name }) => name)).toEqual(['tue']);
  expect(second?.failures).toEqual([]);
  expect(verify(archive, '--quick')).toMatchObject({
    exit: 4,
    first: { failures: [{ code: 'part-damaged' }], losses: [] },
  });
});

test('a part cut short: only the bytes after the cut are lost', () => {
  const { archive, part } = withChain();
  truncateSync(part('0001.btrfs.zst'), 3 * MiB);
  const { exit, first } = verify(archive);
  expect(exit).toBe(4);
  expect(first?.losses).toHaveLength(1);
  const [loss] = first?.losses ?? [];
  expect(loss?.from).toBeGreaterThan(2 * MiB - 50_000);
  expect(loss?.to).toBeLessThan(4 * MiB + 50_000);
  expect(loss?.files).toEqual(['one.raw', 'dir/two.raw']);
});

test('neither a seek table nor a first frame: stored bytes are not taken for the stream', () => {
  const { archive, part } = withChain();
  for (const at of [0, -1]) flip(part('0001.btrfs.zst'), at);
  const { first } = verify(archive);
  expect(first?.failures.map(({ code }) => code)).toEqual(['seek-table-damaged', 'frame-damaged']);
  expect(first?.losses).toMatchObject([{ from: 0, complete: false }]);
  expect(first?.losses[0]?.to).toBeGreaterThanOrEqual(4 * MiB);
});

test('a missing part', () => {
  const { archive, part } = withChain();
  rmSync(part('0002.btrfs.zst'));
  const { exit, first } = verify(archive);
  expect(exit).toBe(4);
  expect(first?.failures.map((failure) => failure.code)).toEqual(['part-missing']);
  expect(first?.losses[0]?.files).toContain('dir/two.raw');
});

test('a missing parent is not damage, and has its own exit code', () => {
  const { archive, directory } = withChain();
  renameSync(directory, join(withTemporary(), 'elsewhere'));
  const { exit, first } = verify(archive);
  expect(exit).toBe(5);
  expect(first).toMatchObject({
    failures: [],
    missing: [{ uuid: uuid('1'), ctransid: '7', name: 'mon' }],
  });
  expect(btrferrySync(['list', archive]).stdout).toContain(`parent mon (${uuid('1')}) is missing`);
});

test('archives complete each other', () => {
  const [whole, rest] = [withChain(), withChain()];
  rmSync(rest.directory, { recursive: true });
  expect(readdirSync(join(rest.archive, 'streams'))).toHaveLength(1);
  expect(verify(rest.archive).exit).toBe(5);
  expect(btrferrySync(['verify', rest.archive, whole.archive]).exit).toBe(0);
});

test('a parent that only a receipt vouches for is reported, and not a failure', () => {
  const { archive, directory } = withChain();
  rmSync(directory, { recursive: true });
  const filesystem = uuid('f');
  const path = join(archive, `receipts/${filesystem}.json`);
  const there = {
    uuid: uuid('1'),
    ctransid: '9',
    sendTransid: '7',
    localUuid: uuid('a'),
    path: 'mon',
  };
  mkdirSync(join(archive, 'receipts'));
  writeFileSync(path, receiptDocument.encode({ ...receipt, filesystem, subvolumes: [there] }));
  const { exit, first, events } = verify(archive);
  expect(exit).toBe(0);
  expect(first).toMatchObject({
    missing: [],
    elsewhere: [{ uuid: uuid('1'), ctransid: '7', name: 'mon', filesystem }],
  });
  expect(events.at(-1)).toMatchObject({ done: 1, streams: 1, restorable: 0 });
  expect(told(archive)).toEqual([
    'good  tue 22222222',
    `  needs mon (${uuid('1')}), which only filesystem ${filesystem} has, by its receipt`,
    expect.stringMatching(/; none of 1 can be restored from these archives alone$/),
  ]);
  writeFileSync(path, receiptDocument.encode({ ...receipt, filesystem, subvolumes: [] }));
  expect(verify(archive)).toMatchObject({ exit: 5, first: { elsewhere: [] } });
});

test('the number of restorable streams counts copies once', () => {
  const [{ archive, part }, whole] = [withChain(), withChain()];
  flip(part('0001.btrfs.zst'), 2.5 * MiB);
  expect(verify(archive).events.at(-1)).toMatchObject({ done: 1, streams: 2, restorable: 0 });
  const both = verify(archive, whole.archive).events.at(-1);
  expect(both).toMatchObject({ done: 3, refused: 1, streams: 2, restorable: 2 });
  const empty = withTemporary();
  writeFileSync(join(empty, 'btrferry.json'), archiveHeader());
  expect(told(empty)).toEqual(['no streams']);
});

test('an unfinished export is reported', () => {
  const { archive } = withChain();
  mkdirSync(join(archive, 'streams/.incoming-wed.33333333.full'));
  const { exit, events } = verify(archive);
  expect(exit).toBe(0);
  const warning = { type: 'warning', code: 'unfinished', message: expect.stringMatching(/wed/) };
  expect(events).toContainEqual(expect.objectContaining(warning));
  const planned = btrferrySync(['import', archive, '--dry-run', '--json']);
  expect(eventsIn(planned)).toContainEqual(expect.objectContaining(warning));
});

test('an interrupted verification keeps its results', async () => {
  const { archive, part } = withChain();
  flip(part('0001.btrfs.zst'), 2.5 * MiB);
  const stop = new AbortController();
  const verified: Event[] = [];
  const emit = (event: Event) => {
    if (event.type === 'stream-verified') verified.push(event);
    if (event.type !== 'stream-begun' || event.index !== 2) return;
    stop.abort(new Failure('interrupted', 'interrupted'));
  };
  const options = { archives: [archive], quick: false };
  await expect(runVerify(options, contextWith(emit, stop.signal))).rejects.toMatchObject({
    code: 'interrupted',
  });
  expect(verified).toMatchObject([
    { failures: [{ code: 'frame-damaged' }], dependents: [{ name: 'tue' }] },
  ]);
});
