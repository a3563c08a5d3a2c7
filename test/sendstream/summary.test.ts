import { expect, test } from 'vitest';
import type { CommandBody, StreamVersion } from '../../src/sendstream/commands.ts';
import { StreamSummary, type Summary } from '../../src/sendstream/summary.ts';
import { bytes, end, other, own, read, streamOf, subvol } from './streams.ts';

const third = '11111111-2222-3333-4444-555555555555';
const p = bytes('a');

function summaryOf(version: StreamVersion, bodies: CommandBody[]): Summary {
  const summary = new StreamSummary();
  for (const command of read([streamOf(version, bodies)]).commands) summary.add(command);
  return summary.result(version);
}

const clone = (cloneUuid: string, cloneCtransid: bigint, cloneLen = 4096n): CommandBody => ({
  type: 'CLONE',
  path: p,
  clonePath: p,
  cloneUuid,
  cloneCtransid,
  cloneOffset: 0n,
  cloneLen,
  fileOffset: 0n,
});
const snapshot: CommandBody = {
  type: 'SNAPSHOT',
  path: bytes('later'),
  uuid: own,
  ctransid: 9n,
  cloneUuid: other,
  cloneCtransid: 2n ** 64n - 1n,
};
const write: CommandBody = { type: 'WRITE', path: p, fileOffset: 0n, data: new Uint8Array(5) };

test('a full stream', () => {
  expect(summaryOf(1, [subvol, write, write, end])).toEqual({
    version: 1,
    kind: 'full',
    name: bytes('s'),
    identity: { uuid: own, ctransid: 7n },
    parent: null,
    cloneSources: [],
    commandCounts: { SUBVOL: 1, WRITE: 2, END: 1 },
    written: 10,
    cloned: 0,
    announced: 0,
    noData: false,
    compressedData: false,
    needs: { btrfsProgs: '3.12' },
  });
});

test('an incremental stream, and its requirements besides its parent', () => {
  const summary = summaryOf(2, [
    snapshot,
    clone(own, 9n),
    clone(other, 2n ** 64n - 1n),
    clone(third, 5n),
    clone(other, 3n),
    clone(third, 5n),
    end,
  ]);
  expect(summary.kind).toBe('incremental');
  expect(summary.parent).toEqual({ uuid: other, ctransid: 2n ** 64n - 1n });
  expect(summary.cloneSources).toEqual([
    { uuid: third, ctransid: 5n },
    { uuid: other, ctransid: 3n },
  ]);
  expect(summary.cloned).toBe(5 * 4096);
  expect(summary.needs.btrfsProgs).toBe('6.0');
});

test('a stream without data is recognised', () => {
  const update: CommandBody = { type: 'UPDATE_EXTENT', path: p, fileOffset: 0n, size: 1n << 20n };
  const summary = summaryOf(1, [subvol, update, end]);
  expect(summary).toMatchObject({ noData: true, announced: 1 << 20, written: 0 });
});

test('a stream with compressed extents is recognised', () => {
  const encoded: CommandBody = {
    type: 'ENCODED_WRITE',
    path: p,
    fileOffset: 0n,
    unencodedFileLen: 4096n,
    unencodedLen: 4096n,
    unencodedOffset: 0n,
    compression: 2,
    data: new Uint8Array(77),
  };
  expect(summaryOf(2, [subvol, encoded, end])).toMatchObject({ compressedData: true, written: 77 });
});

test('impossible sums are limited', () => {
  const huge = clone(own, 7n, 2n ** 64n - 1n);
  expect(summaryOf(1, [subvol, huge, huge, end]).cloned).toBe(Number.MAX_SAFE_INTEGER);
});

test('the name does not depend on the bytes that it was read from', () => {
  const stream = Buffer.from(streamOf(1, [subvol, end]));
  const summary = new StreamSummary();
  for (const command of read([stream]).commands) summary.add(command);
  stream.fill(0);
  expect(summary.result(1).name).toEqual(bytes('s'));
});

test('too many clone sources are refused', () => {
  const summary = new StreamSummary();
  const [first, one] = read([streamOf(1, [subvol, clone(third, 0n), end])]).commands;
  if (first?.type !== 'SUBVOL' || one?.type !== 'CLONE') throw new Error('not what was written');
  summary.add(first);
  for (let i = 0n; i < 65_536n; i += 1n) summary.add({ ...one, cloneCtransid: i });
  summary.add(one);
  expect(() => summary.add({ ...one, cloneCtransid: 65_536n })).toThrow(/clone sources/);
});
