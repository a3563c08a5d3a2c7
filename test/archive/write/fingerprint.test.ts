import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readFingerprints } from '../../../src/archive/read/fingerprints.ts';
import { writeFingerprint } from '../../../src/archive/write/fingerprint.ts';
import type { Unsealed } from '../../../src/manifest/document.ts';
import type { Fingerprint } from '../../../src/manifest/schema.ts';
import { chosenFingerprint } from '../../../src/operations/archives/choice.ts';
import { treeIn } from '../../../src/operations/archives/tree.ts';
import type { Entry } from '../../../src/tree/entry.ts';
import { linesOf } from '../../../src/tree/lines.ts';
import { sourceOf } from '../../../src/zstd/pieces.ts';
import { FramePool } from '../../../src/zstd/pool.ts';
import { exampleManifest } from '../../manifest/example.ts';
import { type MemoryStore, memoryStore } from '../../store/memory.ts';
import { BLOCK, tree } from '../../tree/trees.ts';

const uuid = (digit: string) => `${digit.repeat(8)}-0000-0000-0000-${digit.repeat(12)}`;

async function written(
  store: MemoryStore,
  entries: readonly Entry[],
  id = '1',
  directory = `home.${id}.files`,
): Promise<void> {
  const pool = new FramePool({ workers: 1 });
  const { source, tool, createdAt } = exampleManifest();
  const describe_ = ({
    parts,
    ...lines
  }: { parts: Fingerprint['parts'] } & Pick<
    Fingerprint['tree'],
    'length' | 'framesXxh64'
  >): Unsealed<Fingerprint> => ({
    format: 'btrferry/fingerprint',
    version: 1,
    features: [],
    name: `home.${id}`,
    identity: { uuid: uuid(id), ctransid: '7', sendTransid: null },
    blockSize: BLOCK * 512,
    sectorSize: 4096,
    tree: { entries: entries.length, bytes: 0, ...lines },
    compression: { algorithm: 'zstd', level: 1, frameSize: 2 ** 21 },
    parts,
    source,
    tool,
    createdAt,
  });
  try {
    await writeFingerprint({
      store,
      directory,
      lines: sourceOf(linesOf(entries)),
      pool,
      level: 1,
      describe: describe_,
    });
  } finally {
    await pool.close();
  }
}

const small: Entry[] = [
  {
    kind: 'directory',
    path: Buffer.alloc(0),
    mode: 0o755,
    uid: 0,
    gid: 0,
    mtime: 0n,
    xattrs: [],
  },
];

async function read(store: MemoryStore): Promise<Entry[]> {
  const { fingerprints } = await readFingerprints(store);
  const pool = new FramePool({ workers: 1 });
  const entries: Entry[] = [];
  try {
    const [stored] = fingerprints;
    if (stored === undefined) throw new Error('no fingerprint');
    for await (const entry of treeIn(stored, pool)) entries.push(entry);
  } finally {
    await pool.close();
  }
  return entries;
}

describe('a fingerprint', () => {
  it('comes back from an archive', () =>
    fc.assert(
      fc.asyncProperty(tree, async (entries) => {
        const plain = entries.filter(({ kind }) => kind !== 'file' && kind !== 'link');
        const store = memoryStore();
        await written(store, plain);
        expect(await read(store)).toEqual(plain);
      }),
      { numRuns: 5 },
    ));

  it('does not exist until it is complete', async () => {
    const store = memoryStore(new Map(), (operation, path) => {
      if (operation === 'close' && path.endsWith('.tree.zst')) throw new Error('full');
    });
    await expect(written(store, small)).rejects.toThrow('full');
    expect(await readFingerprints(store)).toEqual({ fingerprints: [], damaged: [] });
  });

  it('is refused if a byte of it changed', async () => {
    const store = memoryStore();
    await written(store, small);
    for (const [file, bytes] of [...store.files]) {
      const spoiled = Buffer.from(bytes);
      spoiled[20] = (spoiled[20] ?? 0) ^ 1;
      store.files.set(file, spoiled);
      const { damaged } = await readFingerprints(store);
      const isDocument = file.endsWith('.json');
      expect(damaged).toHaveLength(isDocument ? 1 : 0);
      if (file.endsWith('.zst')) await expect(read(store)).rejects.toMatchObject({ exitCode: 4 });
      store.files.set(file, bytes);
    }
  });

  it('is chosen by a word, or if it is the only one', async () => {
    const store = memoryStore();
    const choose = async (word?: string) => {
      const { fingerprints } = await readFingerprints(store);
      return chosenFingerprint({ fingerprints: fingerprints, damaged: [] }, word, '--only').uuid;
    };
    await expect(choose()).rejects.toMatchObject({ code: 'not-found' });
    await written(store, small);
    expect(await choose()).toBe(uuid('1'));
    await written(store, small, '1', 'another.files');
    expect(await choose()).toBe(uuid('1'));
    await written(store, small, '2');
    await expect(choose()).rejects.toMatchObject({ code: 'usage' });
    expect(await choose('home.2')).toBe(uuid('2'));
    expect(await choose('2222')).toBe(uuid('2'));
    await expect(choose('home.3')).rejects.toMatchObject({ code: 'not-found' });
  });
});
