import { describe, expect, it } from 'vitest';
import { Failure } from '../../src/failure/failure.ts';
import { readWhole, type Store } from '../../src/store/store.ts';

const bytes = (text: string) => Buffer.from(text);
const code = (promise: Promise<unknown>) =>
  promise.then(
    () => 'done',
    (error) => (error instanceof Failure ? error.code : `not a failure: ${error}`),
  );

/** What every store must do, whatever lies under it. `open` makes an empty one. */
export function conforms(name: string, open: () => Promise<{ store: Store; again: () => Store }>) {
  describe(`${name} conforms as a store`, () => {
    const read = async (store: Store, path: string, range?: { start: number; end: number }) =>
      Buffer.from((await readWhole(store.read(path, range), 1e9)) ?? []).toString();

    it('lists nothing where nothing is', async () => {
      const { store } = await open();
      expect(await store.list('streams')).toEqual([]);
    });

    it('puts, replaces, lists and reads small files', async () => {
      const { store, again } = await open();
      await store.put('receipts/a.json', bytes('one'));
      await store.put('receipts/a.json', bytes('second'));
      expect(await read(again(), 'receipts/a.json')).toBe('second');
      expect(await store.list('receipts')).toEqual([{ name: 'a.json', kind: 'file', length: 6 }]);
    });

    it('reads ranges, and fails where a file ends too early or is not there', async () => {
      const { store } = await open();
      await store.put('f', bytes('0123456789'));
      expect(await read(store, 'f', { start: 2, end: 5 })).toBe('234');
      expect(await read(store, 'f', { start: 5, end: 5 })).toBe('');
      expect(await code(read(store, 'f', { start: 8, end: 11 }))).toBe('read-failed');
      expect(await code(read(store, 'g'))).toBe('read-failed');
    });

    it('opens a file to read any of it', async () => {
      const { store } = await open();
      await store.put('f', bytes('0123456789'));
      const file = await store.open('f');
      const some = async (offset: number, length: number) => {
        const into = Buffer.alloc(length);
        await file.read(into, offset);
        return into.toString();
      };
      expect([await some(7, 3), await some(2, 3), await some(10, 0)]).toEqual(['789', '234', '']);
      expect(await code(some(8, 3))).toBe('read-failed');
      file.close();
      expect(await code(store.open('g'))).toBe('read-failed');
      expect(await code(store.open('../f'))).not.toBe('done');
    });

    it('reads a file larger than its pieces, in order', async () => {
      const { store } = await open();
      const large = Buffer.alloc(5_000_001).map((_, at) => at % 251);
      await store.put('large', large);
      const back = await readWhole(store.read('large'), 1e9);
      expect(Buffer.compare(back ?? bytes(''), large)).toBe(0);
    });

    it('shows a stage only once it is published', async () => {
      const { store, again } = await open();
      const stage = await store.stage('streams/.incoming-x');
      const sink = await stage.write('0001');
      await sink.write(bytes('abc'));
      await sink.write(bytes('def'));
      await sink.close();
      expect((await again().list('streams')).map((e) => e.name)).not.toContain('x');
      await stage.publish('streams/x', { file: 'last', bytes: bytes('z') });
      expect((await again().list('streams')).map((e) => e.name)).toEqual(['x']);
      expect(await again().list('streams/x')).toEqual([
        { name: '0001', kind: 'file', length: 6 },
        { name: 'last', kind: 'file', length: 1 },
      ]);
      expect(await read(again(), 'streams/x/0001')).toBe('abcdef');
    });

    it('publishes without a file that was needed until then', async () => {
      const { store, again } = await open();
      for (const name of ['x', 'y']) {
        const stage = await store.stage(`streams/.incoming-${name}`);
        if (name === 'x') await (await stage.write('notes')).close();
        await stage.publish(`streams/${name}`, { file: 'last', bytes: bytes('z') }, 'notes');
        const left = await again().list(`streams/${name}`);
        expect(left).toEqual([{ name: 'last', kind: 'file', length: 1 }]);
      }
    });

    it('keeps all of a stage that could not be published', async () => {
      const { store } = await open();
      const before = await store.stage('streams/.incoming-x');
      await before.publish('streams/x', { file: 'last', bytes: bytes('first') });
      const stage = await store.stage('streams/.incoming-x');
      await (await stage.write('notes')).close();
      const published = stage.publish('streams/x', { file: 'last', bytes: bytes('z') }, 'notes');
      expect(await code(published)).toBe('storage-failed');
      const { left } = await store.stage('streams/.incoming-x');
      expect(left.map(({ name }) => name)).toEqual(['last', 'notes']);
    });

    it('never publishes over what is published', async () => {
      const { store } = await open();
      for (const content of ['first', 'second']) {
        const stage = await store.stage('streams/.incoming-x');
        const published = stage.publish('streams/x', { file: 'last', bytes: bytes(content) });
        expect(await code(published)).toBe(content === 'first' ? 'done' : 'storage-failed');
      }
      expect(await read(store, 'streams/x/last')).toBe('first');
    });

    it('takes up what an interrupted writer left, and cuts it where told', async () => {
      const { store, again } = await open();
      const sink = await (await store.stage('streams/.incoming-x')).write('0001');
      await sink.write(bytes('abcdef'));
      await sink.abandon();
      const stage = await again().stage('streams/.incoming-x');
      expect(stage.left).toEqual([{ name: '0001', kind: 'file', length: 6 }]);
      const resumed = await stage.write('0001', 2);
      await resumed.write(bytes('Z'));
      await resumed.close();
      expect(Buffer.from((await readWhole(stage.read('0001'), 99)) ?? []).toString()).toBe('abZ');
      await stage.discard();
      expect(await store.list('streams')).toEqual([]);
    });

    it('lets one writer in at a time', async () => {
      const { store, again } = await open();
      const lock = await store.lock();
      expect(await code(again().lock())).toBe('archive-locked');
      await lock.release();
      await (await again().lock()).release();
    });

    it.each(['../x', '/x', 'a//b', 'a/../b', '.', 'a/'])('refuses the path %s', async (path) => {
      const { store } = await open();
      expect(await code(read(store, path))).toBe('read-failed');
      expect(await code(store.put(path, bytes('')))).toBe('read-failed');
    });

    it('knows its free space, or that it has no bound', async () => {
      const { store } = await open();
      const free = await store.freeSpace();
      if (free !== undefined) expect(free).toBeGreaterThan(0);
    });
  });
}
