import { describe, expect, it } from 'vitest';
import { Failure } from '../../src/failure/failure.ts';
import {
  readWhole,
  type StagePlace,
  type Store,
  type WritableStore,
  writeWhole,
} from '../../src/store/store.ts';

/** Opens an empty store, and a second view of the same one. */
export type OpenStore<S extends Store> = () => Promise<{
  readonly store: S;
  readonly again: () => S;
}>;

const bytes = (text: string) => Buffer.from(text);
const code = (promise: Promise<unknown>) =>
  promise.then(
    () => 'done',
    (error) => (error instanceof Failure ? error.code : `not a failure: ${error}`),
  );
const read = async (store: Store, path: string, range?: { start: number; end: number }) =>
  Buffer.from((await readWhole(store.read(path, range), 1e9)) ?? []).toString();
const names = async (store: Store, path: string) =>
  (await store.list(path)).map(({ name }) => name);

/** Names of a stage for tests. */
export const place = (name: string): StagePlace => ({
  draft: `streams/.incoming-${name}`,
  directory: `streams/${name}`,
  last: 'last',
});

const badPaths = ['../x', '/x', 'a//b', 'a/../b', '.', 'a/'];

/** The promises of a store that can be read and written. */
export function isWritableStore(name: string, open: OpenStore<WritableStore>) {
  isReadableStore(name, async (files) => {
    const { store, again } = await open();
    for (const [path, contents] of Object.entries(files)) await writeWhole(store, path, contents);
    return again();
  });
  describe(`${name} keeps the promises of a store`, () => {
    canBeWritten(open);
    replacesWhole(open);
    excludesWriters(open);
    publishesStages(open);
    unpublishes(open);
  });
}

/** The promises of a store that keeps the files of a stage for the next writer. */
export function keepsStagedFiles(name: string, open: OpenStore<WritableStore>) {
  describe(`${name} keeps the files of a stage`, () => resumesStages(open));
}

/** Opens a store that holds these files, by path. */
export type OpenFilled = (files: Readonly<Record<string, Uint8Array>>) => Promise<Store>;

/** The promises of a store that can be read. */
export function isReadableStore(name: string, open: OpenFilled) {
  describe(`${name} keeps the promises of a store that can be read`, () => canBeRead(open));
}

function canBeRead(open: OpenFilled) {
  it('lists directories, and nothing in one that does not exist', async () => {
    const store = await open({ 'streams/x/f': bytes('abc'), 'streams/y/z/f': bytes('') });
    expect(await store.list('receipts')).toEqual([]);
    expect(await names(store, '')).toEqual(['streams']);
    expect(await store.list('streams')).toEqual(
      ['x', 'y'].map((name) => ({ name, kind: 'directory', length: 0 })),
    );
    expect(await store.list('streams/x')).toEqual([{ name: 'f', kind: 'file', length: 3 }]);
  });

  it('reads ranges, and fails if a file is missing or ends before the range', async () => {
    const store = await open({ f: bytes('0123456789') });
    expect(await read(store, 'f', { start: 2, end: 5 })).toBe('234');
    expect(await read(store, 'f', { start: 5, end: 5 })).toBe('');
    expect(await code(read(store, 'f', { start: 8, end: 11 }))).toBe('read-failed');
    expect(await code(read(store, 'g'))).toBe('read-failed');
  });

  it('opens a file for random reads', async () => {
    const store = await open({ f: bytes('0123456789') });
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
  });

  it('reads a file larger than its pieces, in order', async () => {
    const large = Buffer.alloc(5_000_001).map((_, at) => at % 251);
    const store = await open({ large });
    const back = await readWhole(store.read('large'), 1e9);
    expect(Buffer.compare(back ?? bytes(''), large)).toBe(0);
  });

  it('names the archive and the file in a failure', async () => {
    const store = await open({ f: bytes('') });
    await expect(store.open('streams/x/f')).rejects.toMatchObject({
      where: { archive: store.location, file: 'streams/x/f' },
    });
  });

  it.each(badPaths)('refuses the path %s', async (path) => {
    const store = await open({ f: bytes('') });
    expect(await code(store.list(path))).toBe('read-failed');
    expect(await code(read(store, path))).toBe('read-failed');
    expect(await code(store.open(path))).toBe('read-failed');
  });
}

function canBeWritten(open: OpenStore<WritableStore>) {
  it('creates, replaces, lists and removes files', async () => {
    const { store, again } = await open();
    await writeWhole(store, 'receipts/a.json', bytes('one'));
    await writeWhole(store, 'receipts/a.json', bytes('second'));
    expect(await read(again(), 'receipts/a.json')).toBe('second');
    expect(await store.list('receipts')).toEqual([{ name: 'a.json', kind: 'file', length: 6 }]);
    await store.remove('receipts/a.json');
    await store.remove('receipts/a.json');
    expect(await again().list('receipts')).toEqual([]);
  });

  it('shows a file only when it is closed, and then whole', async () => {
    const { store, again } = await open();
    const sink = await store.create('f');
    await sink.write(bytes('abc'));
    expect(await code(read(again(), 'f'))).toBe('read-failed');
    await sink.write(bytes('def'));
    await sink.close();
    expect(await read(again(), 'f')).toBe('abcdef');
  });

  it.each(badPaths)('refuses to write at %s', async (path) => {
    const { store } = await open();
    expect(await code(store.create(path))).toBe('read-failed');
    expect(await code(store.remove(path))).toBe('read-failed');
  });

  it('removes a directory with all it holds', async () => {
    const { store, again } = await open();
    for (const file of ['streams/x/0001', 'streams/x/0002', 'streams/xy/0001']) {
      await writeWhole(store, file, bytes('a'));
    }
    await store.remove('streams/x');
    expect(await again().list('streams/x')).toEqual([]);
    expect(await names(again(), 'streams/xy')).toEqual(['0001']);
  });

  it('says how much space is free, or that it does not know', async () => {
    const { store } = await open();
    const free = await store.freeSpace();
    if (free !== undefined) expect(free).toBeGreaterThan(0);
  });
}

function replacesWhole(open: OpenStore<WritableStore>) {
  it('keeps the old file until the new one is closed', async () => {
    const { store, again } = await open();
    await writeWhole(store, 'f', bytes('old'));
    const sink = await store.create('f');
    await sink.write(bytes('new'));
    expect(await read(again(), 'f')).toBe('old');
    await sink.abandon();
    expect(await read(again(), 'f')).toBe('old');
    expect(await names(again(), '')).toEqual(['f']);
  });

  it('takes a copy of the bytes: the caller may reuse its buffer', async () => {
    const { store } = await open();
    const buffer = bytes('first');
    const sink = await store.create('f');
    await sink.write(buffer);
    buffer.write('other');
    await sink.write(buffer);
    await sink.close();
    expect(await read(store, 'f')).toBe('firstother');
  });
}

function excludesWriters(open: OpenStore<WritableStore>) {
  it('lets one writer in at a time', async () => {
    const { store, again } = await open();
    const lock = await store.lock();
    expect(await code(again().lock())).toBe('archive-locked');
    await lock.release();
    expect(lock.lost.aborted).toBe(false);
    await (await again().lock()).release();
  });
}

function publishesStages(open: OpenStore<WritableStore>) {
  it('shows a stage only when it is published', async () => {
    const { store, again } = await open();
    const stage = await store.stage(place('x'));
    const sink = await stage.write('0001');
    await sink.write(bytes('abc'));
    await sink.write(bytes('def'));
    await sink.close();
    expect(await names(again(), 'streams')).not.toContain('x');
    await stage.publish([{ file: 'last', bytes: bytes('z') }]);
    expect(await names(again(), 'streams')).toEqual(['x']);
    expect(await again().list('streams/x')).toEqual([
      { name: '0001', kind: 'file', length: 6 },
      { name: 'last', kind: 'file', length: 1 },
    ]);
    expect(await read(again(), 'streams/x/0001')).toBe('abcdef');
  });

  it('publishes without the file that was needed until then', async () => {
    const { store, again } = await open();
    for (const name of ['x', 'y']) {
      const stage = await store.stage(place(name));
      if (name === 'x') await (await stage.write('notes')).close();
      await stage.publish([{ file: 'last', bytes: bytes('z') }], 'notes');
      const files = await again().list(`streams/${name}`);
      expect(files).toEqual([{ name: 'last', kind: 'file', length: 1 }]);
    }
  });

  it.each(badPaths)('refuses a stage at %s', async (path) => {
    const { store } = await open();
    expect(await code(store.stage({ ...place('x'), draft: path }))).toBe('read-failed');
  });

  it('never publishes over a published directory', async () => {
    const { store } = await open();
    for (const content of ['first', 'second']) {
      const stage = await store.stage(place('x'));
      const published = stage.publish([{ file: 'last', bytes: bytes(content) }]);
      expect(await code(published)).toBe(content === 'first' ? 'done' : 'storage-failed');
    }
    expect(await read(store, 'streams/x/last')).toBe('first');
  });
}

function unpublishes(open: OpenStore<WritableStore>) {
  const removal = { ...place('x'), draft: 'streams/.removed-x' };
  const published = async (store: WritableStore, name = 'x') => {
    const stage = await store.stage(place(name));
    await (await stage.write('0001')).close();
    await stage.publish([{ file: 'last', bytes: bytes('z') }]);
  };

  it('takes a published directory away, and nothing else', async () => {
    const { store, again } = await open();
    for (const name of ['x', 'xy']) await published(store, name);
    await store.unpublish(removal);
    expect(await names(again(), 'streams')).toEqual(['xy']);
    expect(await code(read(store, 'streams/x/0001'))).toBe('read-failed');
    await published(store);
    expect(await names(again(), 'streams/x')).toEqual(['0001', 'last']);
  });

  it('removes what an interrupted removal left, and not what was published again', async () => {
    const { store, again } = await open();
    await published(store);
    await store.remove(removal.draft);
    expect(await names(again(), 'streams/x')).toEqual(['0001', 'last']);
  });
}

function resumesStages(open: OpenStore<WritableStore>) {
  it('opens the stage of an interrupted writer, and cuts a file where the caller says', async () => {
    const { store, again } = await open();
    const sink = await (await store.stage(place('x'))).write('0001');
    await sink.write(bytes('abcdef'));
    await sink.abandon();
    const stage = await again().stage(place('x'));
    expect(stage.leftovers).toEqual([{ name: '0001', kind: 'file', length: 6 }]);
    const resumed = await stage.write('0001', 2);
    await resumed.write(bytes('Z'));
    await resumed.close();
    expect(Buffer.from((await readWhole(stage.read('0001'), 99)) ?? []).toString()).toBe('abZ');
    await stage.discard();
    expect(await store.list('streams')).toEqual([]);
  });

  it('keeps all of a stage that could not be published', async () => {
    const { store } = await open();
    const before = await store.stage(place('x'));
    await before.publish([{ file: 'last', bytes: bytes('first') }]);
    const stage = await store.stage(place('x'));
    await (await stage.write('notes')).close();
    const published = stage.publish([{ file: 'last', bytes: bytes('z') }], 'notes');
    expect(await code(published)).toBe('storage-failed');
    const { leftovers } = await store.stage(place('x'));
    expect(leftovers.map(({ name }) => name)).toEqual(['last', 'notes']);
  });
}
