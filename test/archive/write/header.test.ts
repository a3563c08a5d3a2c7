import { describe, expect, it } from 'vitest';
import { readHeader } from '../../../src/archive/read/header.ts';
import { ensureHeader } from '../../../src/archive/write/header.ts';
import { memoryStore } from '../../store/memory.ts';
import { archiveHeader } from '../stored.ts';

const damaged = Buffer.from('{ "format": "btrferry/arch');
const names = (store: ReturnType<typeof memoryStore>) => [...store.files.keys()].sort();

describe('the header of an archive', () => {
  it('is made together with a README for people who find the drive', async () => {
    const store = memoryStore();
    expect(await ensureHeader(store, 'blue drive')).toBeUndefined();
    expect(names(store)).toEqual(['README.txt', 'btrferry.json']);
    expect(await readHeader(store)).toMatchObject({
      version: 1,
      features: [],
      label: 'blue drive',
    });
  });

  it('is never replaced if it is intact', async () => {
    const store = memoryStore(new Map([['btrferry.json', archiveHeader()]]));
    expect(await ensureHeader(store, 'other')).toBeUndefined();
    expect(store.files).toEqual(new Map([['btrferry.json', archiveHeader()]]));
  });

  it('keeps a README of the user, whatever the case of its name', async () => {
    const store = memoryStore(new Map([['readme.TXT', Buffer.from('mine')]]));
    await ensureHeader(store, undefined);
    expect(names(store)).toEqual(['btrferry.json', 'readme.TXT']);
    expect((await readHeader(store))?.label).toBeUndefined();
  });

  it('is written again if it is damaged, and the damaged one is kept', async () => {
    const store = memoryStore(new Map([['btrferry.json', damaged]]));
    expect(await ensureHeader(store, undefined)).toBe('btrferry.json.damaged');
    expect(store.files.get('btrferry.json.damaged')).toEqual(damaged);
    expect(await readHeader(store)).toBeDefined();
  });

  it('is not replaced if an older damaged one is there already', async () => {
    const files = new Map([
      ['btrferry.json', damaged],
      ['btrferry.json.damaged', Buffer.from('older')],
    ]);
    const store = memoryStore(files);
    await expect(ensureHeader(store, undefined)).rejects.toMatchObject({
      code: 'manifest-damaged',
      where: { archive: 'memory', file: 'btrferry.json' },
    });
    expect(store.files).toEqual(files);
  });

  it('is not replaced if it has a newer format', async () => {
    const newer = archiveHeader().toString().replace('"version": 1', '"version": 2');
    const store = memoryStore(new Map([['btrferry.json', Buffer.from(newer)]]));
    await expect(ensureHeader(store, undefined)).rejects.toMatchObject({
      code: expect.stringMatching(/^format-version$|^manifest-damaged$/),
    });
  });
});
