import { expect, it } from 'vitest';
import { Failure } from '../../src/failure/failure.ts';
import { isWritable, writeWhole } from '../../src/store/store.ts';
import { isWritableStore } from './conformance.ts';
import { memoryStore } from './memory.ts';

isWritableStore('a memory store', async () => {
  const store = memoryStore();
  return { store, again: () => store };
});

it('declares what it can do', () => {
  expect(isWritable(memoryStore())).toBe(true);
});

it('says when its lock is lost, and lets another writer in', async () => {
  const store = memoryStore();
  const lock = await store.lock();
  store.loseLock();
  expect(lock.lost.aborted).toBe(true);
  expect(lock.lost.reason).toBeInstanceOf(Failure);
  await (await store.lock()).release();
});

it('keeps the old file if a write of the new one fails', async () => {
  const full = new Failure('no-space', 'full', { hint: 'none' });
  const files = new Map([['f', Buffer.from('old')]]);
  const store = memoryStore(files, (operation) => {
    if (operation === 'write') throw full;
  });
  await expect(writeWhole(store, 'f', Buffer.from('new'))).rejects.toBe(full);
  expect(store.files.get('f')).toEqual(Buffer.from('old'));
});
