import fc from 'fast-check';
import { expect, test } from 'vitest';
import { agree, fromTopLevel, parseLongList, parseShortList } from '../../src/btrfs/listing.ts';

const uuids = {
  a: 'b120cc1e-3da3-ea40-9e8f-5f63fa507fa7',
  b: '9fef579d-d9b5-9249-9287-819112fe298c',
};
const none = `-${' '.repeat(35)}`;
const long = (id: number, path: string) =>
  `ID ${id} gen 8 cgen 7 parent 5 top level 5 parent_uuid ${uuids.a} received_uuid ${none} uuid ${uuids.b} path ${path}\n`;
const short = (id: number, path: string) => `ID ${id} gen 8 top level 5 path ${path}\n`;
const bytes = (text: string) => Buffer.from(text, 'latin1');

test('an entry with all its columns', () => {
  expect(parseLongList(bytes(long(262, 'ro snap path x')))).toEqual([
    {
      id: 262,
      uuid: uuids.b,
      parentUuid: uuids.a,
      receivedUuid: null,
      generation: 8n,
      creationGeneration: 7n,
      topLevel: 5,
      path: Buffer.from('ro snap path x'),
    },
  ]);
});

test('an empty list, and output that is no list', () => {
  expect(parseLongList(Buffer.alloc(0))).toEqual([]);
  expect(() => parseLongList(bytes('ID 262 something new path x\n'))).toThrow(/unknown/);
  expect(() => parseShortList(bytes(long(262, 'x')))).toThrow(/unknown/);
});

/** Paths that try hard: their lines are entries of one form, of the other, or neither. */
const line = fc.oneof(
  fc.constantFrom('x', '', 'path', '\xff\xfe', 'ID 300', ' '),
  fc.integer({ min: 256, max: 260 }).map((id) => long(id, 'p').trimEnd()),
  fc.integer({ min: 256, max: 260 }).map((id) => short(id, 'p').trimEnd()),
);
const hostilePath = fc
  .tuple(fc.constantFrom('x', 'ID', '\xff'), fc.array(line, { maxLength: 4 }))
  .map(([first, lines]) => [first, ...lines].join('\n'));

test('lists that agree hold exactly what is there, whatever the paths', () => {
  fc.assert(
    fc.property(fc.array(hostilePath, { maxLength: 4 }), (paths) => {
      const print = (entry: typeof long) => bytes(paths.map((p, i) => entry(256 + i, p)).join(''));
      const parsed = parseLongList(print(long));
      const truth = paths.map((path, i) => ({ id: 256 + i, path: bytes(path) }));
      if (agree(parsed, parseShortList(print(short)))) {
        expect(parsed.map(({ id, path }) => ({ id, path }))).toEqual(truth);
      }
      // Not for want of ever agreeing: without a forged line they always do.
      if (!paths.some((path) => /\nID \d+ gen/.test(path))) {
        expect(agree(parsed, parseShortList(print(short)))).toBe(true);
      }
    }),
    { numRuns: 2000 },
  );
});

test('paths below the subvolume that was asked get its path in front', () => {
  const entry = (id: number, topLevel: number, path: string) => ({
    id,
    topLevel,
    path: Buffer.from(path),
  });
  const list = [
    entry(256, 5, 'a b'),
    entry(257, 256, 'in'),
    entry(258, 257, 'in/deep'),
    entry(259, 5, 'other'),
    entry(260, 259, 'other/in'),
  ];
  expect(fromTopLevel(list, 256).map(({ path }) => path.toString())).toEqual([
    'a b',
    'a b/in',
    'a b/in/deep',
    'other',
    'other/in',
  ]);
  expect(fromTopLevel(list, 5)).toEqual(list);
});
