import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DifferenceKind } from '../../src/names/difference.ts';
import { StreamExamination } from '../../src/sendstream/examination.ts';
import { craft } from '../../src/tree/craft.ts';
import { differenceOf } from '../../src/tree/difference.ts';
import { comparePaths, type Entry, pathKey } from '../../src/tree/entry.ts';
import { changedRuns, filledRuns } from '../../src/tree/runs.ts';
import { BLOCK, digestsOf, tree } from './trees.ts';

const keyed = (entries: readonly Entry[]) =>
  new Map(entries.map((entry) => [pathKey(entry.path), entry]));

/** The text of all that is compared. */
const textOf = (entry: Entry | undefined) =>
  JSON.stringify(entry, (_, value) => (typeof value === 'bigint' ? `${value}` : value));

describe('the difference of two trees', () => {
  it('names exactly the paths where they differ', () =>
    fc.assert(
      fc.asyncProperty(tree, tree, async (old, other) => {
        const found = new Map<string, readonly DifferenceKind[]>();
        await differenceOf(old, other, BLOCK, {
          onFound: (path, kinds) => void found.set(pathKey(path), kinds),
        });
        const [before, after] = [keyed(old), keyed(other)];
        const differing = [...new Set([...before.keys(), ...after.keys()])].filter((path) => {
          const [a, b] = [before.get(path), after.get(path)];
          // The mode of a symbolic link has no meaning.
          if (a?.kind === 'symlink' && b?.kind === 'symlink') {
            return textOf({ ...a, mode: 0 }) !== textOf({ ...b, mode: 0 });
          }
          return textOf(a) !== textOf(b);
        });
        const remade = new Set(
          [...found].filter(([, kinds]) => kinds.includes('type')).map(([path]) => path),
        );
        const expected = new Set(differing);
        // Another name of an inode that is made anew has to be made anew.
        for (const [path, entry] of after) {
          if (entry.kind === 'link' && remade.has(pathKey(entry.first))) expected.add(path);
        }
        expect([...found.keys()].sort()).toEqual([...expected].sort());
      }),
      { numRuns: 60 },
    ));

  it('makes a stream that a reader accepts, and that is empty for equal trees', () =>
    fc.assert(
      fc.asyncProperty(tree, tree, async (old, other) => {
        const options = {
          name: Buffer.from('made'),
          identity: { uuid: '11111111-0000-0000-0000-000000000000', ctransid: 2n ** 64n - 1n },
          parent: { uuid: '22222222-0000-0000-0000-000000000000', ctransid: 7n },
          read: (_: Buffer, __: number, length: number) => Buffer.alloc(length),
          clones: true,
        };
        const bytes = Buffer.concat([...craft(await differenceOf(old, other, BLOCK), options)]);
        const examination = new StreamExamination();
        examination.push(bytes);
        const { parent, commandCounts } = examination.finish();
        expect(parent).toEqual(options.parent);
        const same = new StreamExamination();
        same.push(Buffer.concat([...craft(await differenceOf(other, other, BLOCK), options)]));
        expect(same.finish().commandCounts).toEqual({ SNAPSHOT: 1, END: 1 });
        expect(commandCounts.END).toBe(1);
      }),
      { numRuns: 30 },
    ));
});

describe('the runs of a file', () => {
  const fileOf = (contents: Uint8Array) => ({
    kind: 'file' as const,
    path: Buffer.from('a'),
    mode: 0,
    uid: 0,
    gid: 0,
    mtime: 0n,
    xattrs: [],
    size: contents.length,
    digests: digestsOf(contents),
  });
  const bytes = fc.uint8Array({ maxLength: 8 * BLOCK, max: 1 });

  it('make the new contents of the old ones', () =>
    fc.assert(
      fc.property(bytes, bytes, (old, other) => {
        const made = Buffer.alloc(other.length);
        made.set(old.subarray(0, other.length));
        for (const { start, end } of changedRuns(fileOf(old), fileOf(other), BLOCK)) {
          made.set(other.subarray(start, end), start);
        }
        expect(made.equals(Buffer.from(other))).toBe(true);
        const filled = Buffer.alloc(other.length);
        for (const { start, end } of filledRuns(fileOf(other), BLOCK)) {
          filled.set(other.subarray(start, end), start);
        }
        expect(filled.equals(Buffer.from(other))).toBe(true);
      }),
    ));

  it('name the place where the old file has them', () => {
    const size = 2 ** 20;
    const old = Buffer.alloc(size);
    for (let at = 0; at < size; at += 4) old.writeUInt32LE(at, at);
    const moved = Buffer.concat([old.subarray(64), old.subarray(0, 64)]);
    expect(changedRuns(fileOf(old), fileOf(moved), BLOCK)).toEqual([
      { start: 0, end: size - 64, from: 64 },
      { start: size - 64, end: size, from: 0 },
    ]);
  });
});

it('paths are in the order of a walk', () =>
  fc.assert(
    fc.property(tree, (entries) => {
      const paths = entries.map(({ path }) => path);
      for (const [at, path] of paths.entries()) {
        for (const later of paths.slice(at + 1)) {
          expect(comparePaths(path, later)).toBeLessThan(0);
          expect(comparePaths(later, path)).toBeGreaterThan(0);
        }
      }
      expect(comparePaths(Buffer.from('a/b'), Buffer.from('a-b'))).toBeLessThan(0);
    }),
    { numRuns: 50 },
  ));
