import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DIGEST, type Entry } from '../../src/tree/entry.ts';
import { entriesIn, linesOf } from '../../src/tree/lines.ts';
import { BLOCK, tree } from './trees.ts';

async function textOf(entries: readonly Entry[]): Promise<Buffer> {
  const lines: Buffer[] = [];
  for await (const line of linesOf(entries)) lines.push(line);
  return Buffer.concat(lines);
}

async function* inPieces(text: Uint8Array, length: number) {
  // The pieces share one buffer, as the frames of a stream do.
  const shared = Buffer.alloc(length);
  for (let at = 0; at < text.length; at += length) {
    const piece = text.subarray(at, at + length);
    shared.set(piece);
    yield shared.subarray(0, piece.length);
  }
}

async function read(text: string | Uint8Array, pieces = 7, blockSize = BLOCK): Promise<Entry[]> {
  const entries: Entry[] = [];
  for await (const entry of entriesIn(inPieces(Buffer.from(text), pieces), blockSize, {})) {
    entries.push(entry);
  }
  return entries;
}

const normal = (entries: readonly Entry[]) =>
  entries.map((entry) =>
    entry.kind === 'file' ? { ...entry, digests: Buffer.from(entry.digests) } : entry,
  );

describe('the lines of a tree', () => {
  it('bring it back, whatever the pieces are', () =>
    fc.assert(
      fc.asyncProperty(tree, fc.integer({ min: 1, max: 100_000 }), async (entries, pieces) => {
        expect(normal(await read(await textOf(entries), pieces))).toEqual(normal(entries));
      }),
      { numRuns: 25 },
    ));

  it('hold the digests of a large file on several lines', async () => {
    const root = {
      kind: 'directory',
      path: Buffer.alloc(0),
      mode: 0,
      uid: 0,
      gid: 0,
      mtime: 0n,
      xattrs: [],
    } as const;
    const digests = Buffer.alloc(10_000 * DIGEST, 5);
    const large: Entry = {
      ...root,
      kind: 'file',
      path: Buffer.from('a'),
      size: 9_999 * BLOCK + 1,
      digests,
    };
    const text = await textOf([root, large]);
    expect(text.toString().trim().split('\n')).toHaveLength(4);
    expect(normal(await read(text, 65_536))).toEqual(normal([root, large]));
  });

  const top = '{"path":"","type":"directory","mode":493,"uid":0,"gid":0,"mtime":"0"}\n';
  const file = (path: string, more = '') =>
    `{"path":${JSON.stringify(path)},"type":"file","mode":420,"uid":0,"gid":0,"mtime":"0","size":0${more}}\n`;

  const attribute = (name: string) => `{"name":"${name}","value":""}`;
  const symlink = (target: string) =>
    file('a').replace('"type":"file"', `"type":"symlink","target":"${target}"`);
  const deep = (depth: number) =>
    Array.from({ length: depth }, (_, at) => {
      const path = Array(at + 1)
        .fill('d'.repeat(250))
        .join('/');
      return top.replace('"path":""', `"path":"${path}"`);
    }).join('');

  it.each([
    ['no line', ''],
    ['no root', file('a')],
    ['a second root', top + top],
    ['another order', top + file('b') + file('a')],
    ['a path twice', top + file('a') + file('a')],
    ['a file in no directory', top + file('a/b')],
    ['a file in a file', top + file('a') + file('a/b')],
    ['a way out', top + file('..')],
    ['a name that is no name', top + file('a/')],
    ['a name with a NUL', top + file('a\0')],
    ['a long name', top + file('a'.repeat(256))],
    ['no JSON', `${top}{`],
    ['an unknown type', `${top}{"path":"a","type":"door"}\n`],
    [
      'a file without a size',
      `${top}{"path":"a","type":"file","mode":0,"uid":0,"gid":0,"mtime":"0"}\n`,
    ],
    ['a link to nothing', `${top}{"path":"a","type":"link"}\n`],
    ['attributes that are missing', `${top}{"path":"a","type":"fifo"}\n`],
    ['digests of another size', top + file('a', `,"sha256":"${'0'.repeat(64)}"`)],
    ['half a digest', top + file('a', ',"sha256":"00"')],
    ['a continuation of nothing', `{"sha256":""}\n${top}`],
    ['a user who is nobody', top + file('a').replace('"uid":0', '"uid":4294967295')],
    ['Base64 that is none', top + file('a', ',"xattrs":[{"name":"user.a","value":"A"}]')],
    ['an attribute twice', top + file('a', `,"xattrs":[${[attribute('a'), attribute('a')]}]`)],
    ['attributes unsorted', top + file('a', `,"xattrs":[${[attribute('b'), attribute('a')]}]`)],
    ['an attribute without a name', top + file('a', `,"xattrs":[${attribute('')}]`)],
    ['a long name of an attribute', top + file('a', `,"xattrs":[${attribute('a'.repeat(256))}]`)],
    ['a long path', top + deep(400)],
    ['a long target', top + symlink('a'.repeat(4096))],
    ['an empty target', top + symlink('')],
    [
      'a time that btrfs has not',
      top + file('a').replace('"mtime":"0"', `"mtime":"${10n ** 28n - 1n}"`),
    ],
    ['too few digests', top + file('a').replace('"size":0', '"size":9')],
  ])('are refused with %s', async (_, text) => {
    await expect(read(text)).rejects.toMatchObject({ code: 'manifest-damaged' });
  });
});
