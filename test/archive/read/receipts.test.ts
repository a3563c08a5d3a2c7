import { readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readReceipts } from '../../../src/archive/read/receipts.ts';
import { receiptDocument } from '../../../src/manifest/document.ts';
import { writeWhole } from '../../../src/store/store.ts';
import { exampleManifest, exampleSource as source } from '../../manifest/example.ts';
import { withArchive } from '../stored.ts';

const parent = { uuid: '66666666-7777-8888-9999-aaaaaaaaaaaa', ctransid: '7', sendTransid: null };
const { identity } = exampleManifest();

describe('receipts', () => {
  it('are read and checked', async () => {
    const { path, store } = await withArchive();
    expect(await readReceipts(store)).toEqual({ receipts: [], damaged: [] });
    const receipt = receiptDocument.encode({
      format: 'btrferry/receipt',
      version: 1,
      filesystem: source.filesystem,
      subvolumes: [{ ...identity, sendTransid: '7', localUuid: source.uuid, path: 'backup/home' }],
      tool: { name: 'btrferry', version: '0.1.0' },
      createdAt: '2026-11-22T10:00:00Z',
    });
    await writeWhole(store, `receipts/${source.filesystem}.json`, receipt);
    writeFileSync(join(path, 'receipts', 'README'), 'of no interest');
    writeFileSync(join(path, 'receipts', 'copy.json'), receipt);
    const { receipts, damaged } = await readReceipts(store);
    expect([receipts, damaged]).toMatchObject([[{ filesystem: source.filesystem }], []]);
    const file = join(path, 'receipts', `${source.filesystem}.json`);
    renameSync(file, join(path, 'receipts', `${parent.uuid}.json`));
    expect((await readReceipts(store)).damaged).toMatchObject([{ code: 'manifest-damaged' }]);
    renameSync(join(path, 'receipts', `${parent.uuid}.json`), file);
    edit(file, 'backup', 'Backup');
    expect(await readReceipts(store)).toMatchObject({
      receipts: [],
      damaged: [{ code: 'manifest-damaged' }],
    });
  });

  it('are not read through a link', async () => {
    const { path, store } = await withArchive();
    symlinkSync('/', join(path, 'receipts'));
    expect(await readReceipts(store)).toMatchObject({
      receipts: [],
      damaged: [{ code: 'read-failed' }],
    });
  });
});

function edit(file: string, from: string, to: string): void {
  const text = readFileSync(file, 'utf8');
  expect(text).toContain(from);
  writeFileSync(file, text.replace(from, to));
}

function _relink(file: string): void {
  renameSync(file, `${file}.real`);
  symlinkSync('manifest.json.real', file);
}
