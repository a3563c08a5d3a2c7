import { expect, test } from 'vitest';
import type { StreamVerified, VerifyResult } from '../../src/events/verify.ts';
import { Failure } from '../../src/failure/failure.ts';
import { reporterFor } from '../../src/report/choose.ts';
import { plain } from '../../src/report/style.ts';
import { summaryText } from '../../src/report/summary.ts';
import { verificationLines } from '../../src/report/verification.ts';
import { capture } from './capture.ts';

const whole: StreamVerified = {
  type: 'stream-verified',
  stream: { name: 'home.1', title: 'home.1', uuid: '11111111-0000-0000-0000-000000000000' },
  archive: '/mnt/usb',
  directory: 'streams/home.1',
  failures: [],
  losses: [],
  intact: true,
  missing: [],
  elsewhere: [],
  adoptable: [],
  parity: null,
  conflicting: false,
  dependents: [],
};
const lines = (event: StreamVerified) => verificationLines(event, false, plain);
const failures = [new Failure('frame-damaged', 'frame 3 is damaged', { hint: 'mend it' })];

test('a loss, with the files at or near it, and whether there may be others', () => {
  const loss = { from: 1000, to: 3048, files: ['a', 'b'], complete: false };
  const damaged = { ...whole, failures, intact: false };
  expect(lines({ ...damaged, losses: [loss] })).toEqual([
    'damaged  home.1 11111111',
    '  found: frame 3 is damaged',
    '  lost: 2.0 KiB of the stream, bytes 1000 to 3048, at or near',
    '    a',
    '    b',
    '    and any file whose commands lie wholly within these bytes',
    '  hint: mend it',
  ]);
  const complete = lines({ ...damaged, losses: [{ ...loss, complete: true }] });
  expect(complete).toHaveLength(6);
  expect(complete[4]).toBe('    b');
  const nameless = { ...damaged, losses: [{ ...loss, files: [] }] };
  expect(lines(nameless).slice(2, 4)).toEqual([
    '  lost: 2.0 KiB of the stream, bytes 1000 to 3048',
    '    with any file whose commands lie wholly within these bytes',
  ]);
});

test('damage that loses nothing', () => {
  const dependents = [{ name: 'home.2', title: 'home.2', uuid: '2' }];
  expect(lines({ ...whole, failures, dependents }).slice(2, 4)).toEqual([
    '  nothing is lost: the whole stream can be read all the same',
    "  can't be imported without it: home.2",
  ]);
});

test('the requirements of a stream, by name, and who has them', () => {
  const home = { uuid: '2222', ctransid: '7', name: 'home.0' };
  const { name: _, ...nameless } = home;
  const needing = {
    ...whole,
    missing: [home, nameless],
    elsewhere: [{ ...home, filesystem: '3333' }],
  };
  expect(lines(needing)).toEqual([
    'good  home.1 11111111',
    '  needs home.0 (2222), which is in none of these archives',
    '  needs 2222, which is in none of these archives',
    '  needs home.0 (2222), which only filesystem 3333 has, by its receipt',
  ]);
});

test('the first of many failures', () => {
  const [failure] = failures as [Failure];
  const found = lines({ ...whole, intact: false, failures: Array(12).fill(failure) });
  expect(found.filter((line) => line.startsWith('  found:'))).toHaveLength(5);
  expect(found[6]).toBe('    and 7 more');
});

const result: VerifyResult = {
  type: 'result',
  command: 'verify',
  exit: 4,
  done: 3,
  refused: 1,
  streams: 4,
  restorable: 4,
  bytes: 1,
  stored: 1,
  seconds: 1,
};

test('names the archive of each stream if there are several', () => {
  const output = capture();
  const reporter = reporterFor(output, { json: false, quiet: false });
  reporter.emit({ type: 'verify-planned', archives: ['/a', '/b'], streams: 2, stored: 1 });
  for (const archive of ['/a', '/b']) reporter.emit({ ...whole, archive });
  expect(output.outLines).toEqual(['good  home.1 11111111 in /a', 'good  home.1 11111111 in /b']);
});

test('prints each stream when it was read, so an interruption keeps the results', () => {
  const output = capture();
  const reporter = reporterFor(output, { json: false, quiet: false });
  reporter.emit({ type: 'verify-planned', archives: ['/a'], streams: 2, stored: 1 });
  reporter.emit({ ...whole, failures, intact: false });
  expect(output.outLines[0]).toBe('damaged  home.1 11111111');
  reporter.failed('verify', new Failure('interrupted', 'interrupted'));
  expect(output.errLines).toEqual(['error: interrupted']);
});

test('says how many streams can be restored', () => {
  expect(summaryText({ ...result, restorable: 0 })).toBe(
    '3 streams good, 1 B read in 1.0 s; 1 damaged; none of 4 can be restored from these archives alone',
  );
  expect(summaryText({ ...result, restorable: 1 })).toMatch(/; 1 of 4 can be/);
  expect(summaryText(result)).toMatch(/; 1 damaged$/);
  expect(summaryText({ ...result, exit: 6 })).toMatch(/; 1 too new$/);
  const nothing = { ...result, exit: 0, done: 0, refused: 0, streams: 0, restorable: 0 } as const;
  expect(summaryText(nothing)).toBe('no streams');
});
