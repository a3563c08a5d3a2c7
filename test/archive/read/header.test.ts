import {
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readCatalog } from '../../../src/archive/read/catalog.ts';
import { readHeader } from '../../../src/archive/read/header.ts';
import { headerDocument } from '../../../src/manifest/document.ts';
import { seal } from '../../../src/manifest/seal.ts';
import { directoryStore } from '../../../src/store/directory/directory.ts';
import type { exampleManifest } from '../../manifest/example.ts';
import { archiveHeader, publish, withArchive, withTemporary } from '../stored.ts';

async function archive() {
  const { path, store } = await withArchive();
  const add = (directory: string, change: Partial<ReturnType<typeof exampleManifest>> = {}) =>
    publish(store, directory, Buffer.from('stream'), { change });
  return { path, store, add, manifest: (of: string) => join(path, 'streams', of, 'manifest.json') };
}

describe('the header of an archive', () => {
  it('is missing if nothing or something else is there', async () => {
    const path = withTemporary();
    const nowhere = directoryStore(join(path, 'nowhere'));
    expect(await readHeader(nowhere)).toBeUndefined();
    await expect(readCatalog(nowhere)).rejects.toMatchObject({
      code: 'not-an-archive',
      message: `no archive at ${path}/nowhere: there is nothing there`,
      hint: expect.stringContaining('mounted'),
    });
    writeFileSync(join(path, 'photo.jpg'), '');
    await expect(readCatalog(directoryStore(path))).rejects.toMatchObject({
      code: 'not-an-archive',
      message: expect.stringContaining('it has no btrferry.json'),
    });
  });

  it.each<[string, string, (header: string) => void]>([
    ['cut short', 'manifest-damaged', (file) => truncateSync(file, 50)],
    ['changed', 'manifest-damaged', (file) => edit(file, '2026', '2027')],
    ['of the future', 'format-version', (file) => edit(file, '"version": 1', '"version": 3')],
    ['another document', 'manifest-damaged', (file) => edit(file, 'btrferry/archive', 'other')],
    ['gone', 'manifest-damaged', (file) => rmSync(file)],
    ['a link', 'read-failed', (file) => relink(file)],
  ])('that is %s does not hide the streams, and is reported as %s', async (_, code, spoil) => {
    const { path, store, add } = await archive();
    await add('whole');
    spoil(join(path, 'btrferry.json'));
    const { header, headerFailure, streams } = await readCatalog(store);
    expect(header).toBeUndefined();
    expect(headerFailure).toMatchObject({ code });
    expect(streams).toHaveLength(1);
  });

  it('with an unknown feature makes the reader refuse the archive and name the feature', async () => {
    const { path, store, add } = await archive();
    await add('whole');
    const { sha256: _, ...content } = headerDocument.decode(archiveHeader(), 'header');
    writeFileSync(join(path, 'btrferry.json'), seal({ ...content, features: ['spanned'] }));
    await expect(readCatalog(store)).rejects.toMatchObject({
      code: 'format-feature',
      message: expect.stringContaining('"spanned"'),
    });
  });

  it('may have members that this version does not know', async () => {
    const { path, store } = await withArchive();
    const header = headerDocument.decode(archiveHeader(), 'header');
    const { sha256: _, ...content } = header;
    writeFileSync(join(path, 'btrferry.json'), seal({ ...content, later: 'addition' }));
    expect(await readHeader(store)).toMatchObject(content);
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
