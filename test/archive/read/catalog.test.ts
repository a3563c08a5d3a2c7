import {
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readCatalog } from '../../../src/archive/read/catalog.ts';
import { manifestDocument } from '../../../src/manifest/document.ts';
import { seal } from '../../../src/manifest/seal.ts';
import type { Store } from '../../../src/store/store.ts';
import { exampleManifest, exampleSource as source } from '../../manifest/example.ts';
import { turns } from '../../processes.ts';
import { publish, withArchive } from '../stored.ts';

const parent = { uuid: '66666666-7777-8888-9999-aaaaaaaaaaaa', ctransid: '7', sendTransid: null };
const { identity } = exampleManifest();

async function archive() {
  const { path, store } = await withArchive();
  const add = (directory: string, change: Partial<ReturnType<typeof exampleManifest>> = {}) =>
    publish(store, directory, Buffer.from('stream'), { change });
  return { path, store, add, manifest: (of: string) => join(path, 'streams', of, 'manifest.json') };
}

describe('the catalog of an archive', () => {
  it('has every stream, with its requirements and its stored bytes', async () => {
    const { path, store, add } = await archive();
    const cloneSources = [{ uuid: source.filesystem, ctransid: '9', sendTransid: '4' }];
    await add('child', { kind: 'incremental', parent, cloneSources });
    const { header, streams, damaged, unfinished } = await readCatalog(store);
    expect(header?.id).toBe('cccccccc-dddd-eeee-ffff-000000000000');
    expect(streams).toHaveLength(1);
    expect(streams[0]).toMatchObject({
      ...identity,
      source: { archive: path, directory: 'streams/child' },
      filesystem: source.filesystem,
      requires: [parent, ...cloneSources],
      storedBytes: streams[0]?.manifest.parts[0]?.length,
    });
    expect([damaged, unfinished]).toEqual([[], []]);
  });

  it('sorts by creation within a filesystem, else by the time of the export', async () => {
    const { store, add } = await archive();
    const other = 'dddddddd-eeee-ffff-0000-111111111111';
    await add('late', { source: { ...source, creationGeneration: '100' } });
    await add('early', { source: { ...source, creationGeneration: '9' } });
    await add('foreign', {
      source: { ...source, filesystem: other, creationGeneration: '1' },
      createdAt: '2027-01-01T00:00:00Z',
    });
    const { streams } = await readCatalog(store);
    expect(streams.map(({ source }) => source.directory)).toEqual([
      'streams/early',
      'streams/late',
      'streams/foreign',
    ]);
  });

  it('names unfinished streams, and does not count them', async () => {
    const { path, store, add } = await archive();
    await add('whole');
    mkdirSync(join(path, 'streams', '.incoming-half'));
    const { streams, unfinished } = await readCatalog(store);
    expect(streams.map(({ source }) => source.directory)).toEqual(['streams/whole']);
    expect(unfinished).toEqual(['half']);
  });

  it('ignores stray files', async () => {
    const { path, store, add } = await archive();
    await add('whole');
    writeFileSync(join(path, 'streams', 'notes.txt'), '');
    const { streams, damaged } = await readCatalog(store);
    expect(streams).toHaveLength(1);
    expect(damaged).toEqual([]);
  });

  it('reports a link instead of following or ignoring it', async () => {
    const { path, store, add } = await archive();
    await add('whole');
    symlinkSync('whole', join(path, 'streams', 'link'));
    const { streams, damaged } = await readCatalog(store);
    expect(streams).toHaveLength(1);
    expect(damaged).toMatchObject([
      { directory: 'streams/link', failure: { code: 'read-failed' } },
    ]);
  });

  it.each<[string, string, (manifest: string) => void]>([
    ['cut short', 'manifest-damaged', (file) => truncateSync(file, 100)],
    ['empty', 'manifest-damaged', (file) => truncateSync(file, 0)],
    ['gone', 'stream-incomplete', (file) => rmSync(file)],
    ['changed', 'manifest-damaged', (file) => edit(file, '"level": 3', '"level": 4')],
    ['not text', 'manifest-damaged', (file) => writeFileSync(file, Buffer.of(0xff, 0xfe))],
    ['of the future', 'format-version', (file) => edit(file, '"version": 1', '"version": 2')],
    [
      'of the future, and sealed',
      'format-version',
      (file) => writeFileSync(file, seal({ format: 'btrferry/manifest', version: 2, new: [] })),
    ],
    ['a link', 'read-failed', (file) => relink(file)],
    [
      'too large',
      'manifest-damaged',
      (file) => writeFileSync(file, ' '.repeat(manifestDocument.limit + 1)),
    ],
  ])('with a manifest %s says %s, and reads all others', async (_, code, spoil) => {
    const { store, add, manifest } = await archive();
    const named = 'spoiled.11111111.full';
    await add(named);
    await add('whole');
    spoil(manifest(named));
    const { streams, damaged } = await readCatalog(store);
    expect(streams.map(({ source }) => source.directory)).toEqual(['streams/whole']);
    expect(damaged).toMatchObject([
      { directory: `streams/${named}`, failure: expect.objectContaining({ code }) },
    ]);
    expect(damaged[0]?.failure.message).toContain(`streams/${named}/manifest.json`);
  });

  it('says what to do about parts without a manifest', async () => {
    const { path, store, add, manifest } = await archive();
    const named = 'lost.11111111.full';
    await add(named);
    rmSync(manifest(named));
    mkdirSync(join(path, 'streams', 'empty.11111111.full'));
    const { streams, damaged } = await readCatalog(store);
    expect(streams).toEqual([]);
    expect(damaged.map(({ failure }) => failure.code)).toEqual([
      'stream-incomplete',
      'stream-incomplete',
    ]);
    const [empty, lost] = damaged.map(({ failure }) => failure.hint);
    expect(lost).toContain('cat *.btrfs.zst | zstd -d | btrfs receive');
    expect(empty).not.toContain('btrfs receive');
  });

  it('refuses a manifest with an unknown feature by its name, and reads all others', async () => {
    const { store, add, manifest } = await archive();
    await add('whole');
    await add('secret');
    const bytes = seal({ ...exampleManifest(), features: ['encrypted'], parts: 'elsewhere' });
    writeFileSync(manifest('secret'), bytes);
    const { streams, damaged } = await readCatalog(store);
    expect(streams.map(({ source }) => source.directory)).toEqual(['streams/whole']);
    expect(damaged).toMatchObject([{ failure: { code: 'format-feature' } }]);
    expect(damaged[0]?.failure.message).toContain('"encrypted"');
  });

  it('ignores hidden entries', async () => {
    const { path, store, add } = await archive();
    await add('whole');
    await add('.hidden');
    symlinkSync('whole', join(path, 'streams', '.link'));
    const { streams, damaged } = await readCatalog(store);
    expect(streams.map(({ source }) => source.directory)).toEqual(['streams/whole']);
    expect(damaged).toEqual([]);
  });

  it('sorts streams whose source is unknown', async () => {
    const { store, add } = await archive();
    const unknown = {
      filesystem: null,
      host: null,
      path: null,
      pathInFilesystem: null,
      uuid: null,
      receivedUuid: null,
      parentUuid: null,
      generation: null,
      creationGeneration: null,
      createdAt: null,
    };
    await add('b', { source: unknown, createdAt: '2026-11-22T10:00:00Z' });
    await add('a', { source: unknown, createdAt: '2026-11-23T10:00:00Z' });
    const { streams } = await readCatalog(store);
    expect(streams.map(({ source }) => source.directory)).toEqual(['streams/b', 'streams/a']);
  });

  it('ignores a directory with neither a manifest nor the name of a stream', async () => {
    const { path, store, add } = await archive();
    await add('whole');
    mkdirSync(join(path, 'streams', 'photos'));
    writeFileSync(join(path, 'streams', 'photos', 'one.jpg'), '');
    const { streams, damaged, unfinished } = await readCatalog(store);
    expect(streams).toHaveLength(1);
    expect([damaged, unfinished]).toEqual([[], []]);
  });

  it('reads many streams', async () => {
    const { path, store, add } = await archive();
    await add('first');
    for (let at = 0; at < 50; at++) {
      mkdirSync(join(path, 'streams', `copy-${at}`));
      const bytes = readFileSync(join(path, 'streams', 'first', 'manifest.json'));
      writeFileSync(join(path, 'streams', `copy-${at}`, 'manifest.json'), bytes);
    }
    expect((await readCatalog(store)).streams).toHaveLength(51);
  });

  it('reads large manifests one after another', async () => {
    const { store, add, manifest } = await archive();
    const cloneSources = new Array(15_000).fill(parent);
    for (let at = 0; at < 4; at++) await add(`large-${at}`, { cloneSources });
    await add('small');
    const sizes = [0, 1, 2, 3].map((at) => statSync(manifest(`large-${at}`)).size);
    expect(Math.min(...sizes)).toBeGreaterThan(2 ** 20);

    /** Of how many files more than the first piece is in memory. */
    let held = 0;
    let most = 0;
    const read: Store['read'] = async function* (path) {
      let pieces = 0;
      try {
        for await (const piece of store.read(path)) {
          if (++pieces === 2) most = Math.max(most, ++held);
          yield piece;
        }
        await turns(100);
      } finally {
        if (pieces >= 2) held--;
      }
    };
    expect((await readCatalog({ ...store, read })).streams).toHaveLength(5);
    expect(most).toBe(1);
  });
});

function edit(file: string, from: string, to: string): void {
  const text = readFileSync(file, 'utf8');
  expect(text).toContain(from);
  writeFileSync(file, text.replace(from, to));
}

function relink(file: string): void {
  renameSync(file, `${file}.real`);
  symlinkSync('manifest.json.real', file);
}
