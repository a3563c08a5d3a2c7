import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { comparePaths, type Entry, MAX_XATTR } from '../../src/tree/entry.ts';

/** Trees in memory, with blocks of {@link BLOCK} bytes. */

export const BLOCK = 8;

export function digestsOf(contents: Uint8Array): Buffer {
  const digests: Buffer[] = [];
  for (let at = 0; at < contents.length; at += BLOCK) {
    digests.push(
      createHash('sha256')
        .update(contents.subarray(at, at + BLOCK))
        .digest(),
    );
  }
  return Buffer.concat(digests);
}

const attributes = fc.record({
  mode: fc.constantFrom(0o644, 0o755, 0o4755),
  uid: fc.constantFrom(0, 2 ** 32 - 2),
  gid: fc.constantFrom(0, 7),
  mtime: fc.bigInt({ min: -(10n ** 19n), max: 2n ** 63n * 10n ** 9n - 1n }),
  xattrs: fc.constantFrom(
    [],
    [{ name: Buffer.from('user.a'), value: Buffer.from([0, 255]) }],
    [
      { name: Buffer.from('user.a'), value: Buffer.alloc(0) },
      { name: Buffer.from([0x75, 0xff]), value: Buffer.alloc(MAX_XATTR, 1) },
    ],
  ),
});

const name = fc.constantFrom('a', 'b', 'ab', 'a-b', 'a b', '\u00e9', '\u00ff\u00fe');
const contents = fc.uint8Array({ maxLength: 5 * BLOCK, max: 2 });

/** Any tree, in its order. Of several entries with one path, the last remains. */
export const tree: fc.Arbitrary<Entry[]> = fc
  .tuple(
    attributes,
    fc.array(
      fc.tuple(fc.array(name, { minLength: 1, maxLength: 3 }), fc.nat(8), attributes, contents),
      { maxLength: 12 },
    ),
  )
  .map(([top, made]) => {
    const entries = new Map<string, Entry>();
    entries.set('', { kind: 'directory', path: Buffer.alloc(0), ...top });
    for (const [names, kind, own, bytes] of made) {
      let above = '';
      for (const part of names.slice(0, -1)) {
        const next = above === '' ? part : `${above}/${part}`;
        if (entries.get(next)?.kind !== 'directory') {
          if (entries.has(next)) break;
          entries.set(next, { kind: 'directory', path: Buffer.from(next, 'latin1'), ...own });
        }
        above = next;
      }
      const last = names.at(-1) ?? '';
      const path = above === '' ? last : `${above}/${last}`;
      if (!entries.has(path))
        entries.set(path, entryOf(Buffer.from(path, 'latin1'), kind, own, bytes));
    }
    const sorted = [...entries.values()].sort((a, b) => comparePaths(a.path, b.path));
    return withLinks(sorted);
  });

type Own = typeof attributes extends fc.Arbitrary<infer T> ? T : never;

function entryOf(path: Buffer, kind: number, own: Own, bytes: Uint8Array): Entry {
  const common = { path, ...own };
  switch (kind) {
    case 0:
    case 1:
      return { kind: 'directory', ...common };
    case 2:
      return {
        kind: 'symlink',
        ...common,
        target: Buffer.from([0xff, ...bytes.map((b) => b + 1)]),
      };
    case 3:
      return { kind: 'character', ...common, device: 2n ** 63n };
    case 4:
      return { kind: 'fifo', ...common };
    case 5:
      return { kind: 'link', path, first: Buffer.from('') };
    default:
      return { kind: 'file', ...common, size: bytes.length, digests: digestsOf(bytes) };
  }
}

/** Gives each link the first file before it; one without becomes a pipe. */
function withLinks(entries: readonly Entry[]): Entry[] {
  const first = entries.find(({ kind }) => kind === 'file');
  return entries.map((entry) => {
    if (entry.kind !== 'link') return entry;
    if (first !== undefined && comparePaths(first.path, entry.path) < 0) {
      return { ...entry, first: first.path };
    }
    const plain = { mode: 0o600, uid: 0, gid: 0, mtime: 0n, xattrs: [] };
    return { kind: 'fifo', path: entry.path, ...plain };
  });
}
