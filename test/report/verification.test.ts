import { expect, test } from 'vitest';
import { Failure } from '../../src/failure/failure.ts';
import type { StreamVerified } from '../../src/operations/event.ts';
import { plain } from '../../src/report/style.ts';
import { verificationLines } from '../../src/report/verification.ts';

const whole: StreamVerified = {
  type: 'stream-verified',
  stream: { name: 'home.1', uuid: '11111111-0000-0000-0000-000000000000' },
  archive: '/mnt/usb',
  directory: 'streams/home.1',
  failures: [],
  losses: [],
  intact: true,
  missing: [],
  dependents: [],
};
const failures = [new Failure('frame-damaged', 'frame 3 is damaged', { hint: 'mend it' })];

test('a loss, with the files at or near it, and whether there may be others', () => {
  const loss = { from: 1000, to: 3048, files: ['a', 'b'], complete: false };
  const damaged = { ...whole, failures, intact: false };
  expect(verificationLines({ ...damaged, losses: [loss] }, plain)).toEqual([
    'damaged  home.1 11111111',
    '  found: frame 3 is damaged',
    '  lost: 2.0 KiB of the stream, bytes 1000 to 3048, at or near',
    '    a',
    '    b',
    '    and any file whose commands lie wholly within these bytes',
    '  hint: mend it',
  ]);
  const complete = verificationLines({ ...damaged, losses: [{ ...loss, complete: true }] }, plain);
  expect(complete).toHaveLength(6);
  expect(complete[4]).toBe('    b');
  const nameless = { ...damaged, losses: [{ ...loss, files: [] }] };
  expect(verificationLines(nameless, plain).slice(2, 4)).toEqual([
    '  lost: 2.0 KiB of the stream, bytes 1000 to 3048',
    '    with any file whose commands lie wholly within these bytes',
  ]);
});

test('damage by which nothing is lost', () => {
  const dependents = [{ name: 'home.2', uuid: '2' }];
  expect(verificationLines({ ...whole, failures, dependents }, plain).slice(2, 4)).toEqual([
    '  nothing is lost: the whole stream can be read all the same',
    "  can't be imported without it: home.2",
  ]);
});
