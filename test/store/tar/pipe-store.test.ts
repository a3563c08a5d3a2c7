import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Failure } from '../../../src/failure/failure.ts';
import { readWhole, type SequentialStore } from '../../../src/store/store.ts';
import { pipeStore } from '../../../src/store/tar/pipe-store.ts';
import { tarWriter } from '../../../src/store/tar/tar-writer.ts';

/** A tar file of these files, in this order. */
async function tarOf(files: readonly (readonly [string, string])[]): Promise<Buffer> {
  const pieces: Buffer[] = [];
  const tar = tarWriter(async (bytes) => void pieces.push(Buffer.from(bytes)), new Date(0));
  for (const [path, text] of files) {
    await tar.file(path, Buffer.byteLength(text), [Buffer.from(text)]);
  }
  await tar.end();
  return Buffer.concat(pieces);
}

/** Opens a pipe that gives these bytes, in pieces of `size`. */
function pipeOf(bytes: Uint8Array, size = 1000, signal = new AbortController().signal) {
  const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
    Buffer.from(bytes.subarray(at * size, (at + 1) * size)),
  );
  return pipeStore(Readable.from(pieces), signal);
}

const read = async (store: SequentialStore, path: string, range?: { start: number; end: number }) =>
  Buffer.from((await readWhole(store.read(path, range), 1e6)) ?? []).toString();

const failureOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no failure',
    (error) => (error instanceof Failure ? error.code : `not a failure: ${error}`),
  );

const good = [
  ['btrferry.json', '{}'],
  ['streams/a/manifest.json', 'of a'],
  ['streams/b/manifest.json', 'of b'],
  ['streams/a/0001.btrfs.zst', 'first'.repeat(500)],
  ['streams/a/0002.btrfs.zst', 'second'],
  ['streams/b/0001.btrfs.zst', 'third'],
] as const;

describe('a pipe', () => {
  it.each([1, 511, 512, 513, 100_000])(
    'gives documents at once and data in order, in pieces of %d bytes',
    async (size) => {
      const store = pipeOf(await tarOf(good), size);
      expect((await store.list('streams')).map(({ name }) => name)).toEqual(['a', 'b']);
      expect(await read(store, 'streams/b/manifest.json')).toBe('of b');
      expect(await read(store, 'streams/a/manifest.json', { start: 1, end: 4 })).toBe('f a');
      expect([store.positionOf('streams/a'), store.positionOf('streams/b')]).toEqual([1, 2]);
      expect(await read(store, 'streams/a/0001.btrfs.zst')).toBe('first'.repeat(500));
      expect(await read(store, 'streams/b/0001.btrfs.zst', { start: 2, end: 5 })).toBe('ird');
      expect(await read(store, 'streams/a/manifest.json')).toBe('of a');
      await store.finish();
    },
  );

  it('says that a file was passed, or is not there', async () => {
    const store = pipeOf(await tarOf(good));
    expect(await read(store, 'streams/b/0001.btrfs.zst')).toBe('third');
    expect(await failureOf(read(store, 'streams/a/0001.btrfs.zst'))).toBe('read-failed');
    expect(await failureOf(read(store, 'streams/c/0001.btrfs.zst'))).toBe('part-missing');
    expect(await failureOf(store.open('streams/b/0001.btrfs.zst'))).toBe('usage');
  });

  it('says that a file is shorter than its manifest says', async () => {
    const store = pipeOf(await tarOf(good));
    const range = { start: 0, end: 9999 };
    expect(await failureOf(read(store, 'streams/b/0001.btrfs.zst', range))).toBe('part-damaged');
  });

  it('refuses documents that come too late, since the plan would have been another one', async () => {
    const late = pipeOf(await tarOf([...good, ['streams/z/manifest.json', 'of z']]));
    expect(await failureOf(late.finish())).toBe('archive-damaged');
  });

  it('reports each cut, also of the end-of-archive alone', async () => {
    const whole = await tarOf(good);
    const lengths = Array.from({ length: whole.length / 256 }, (_, at) => at * 256);
    const found = new Set<string>();
    for (const length of lengths) {
      found.add(await failureOf(pipeOf(whole.subarray(0, length)).finish()));
    }
    expect([...found]).toEqual(['archive-damaged']);
    expect(await failureOf(pipeOf(whole).finish())).toBe('no failure');
    const more = Buffer.concat([whole, Buffer.alloc(10240)]);
    expect(await failureOf(pipeOf(more).finish())).toBe('no failure');
  });

  it('says that other bytes are no tar file', async () => {
    expect(await failureOf(pipeOf(Buffer.alloc(2000, 'x')).list(''))).toBe('not-an-archive');
  });

  it('stops when the operation is interrupted, though nothing comes any more', async () => {
    const stop = new AbortController();
    const silent = new Readable({ read() {} });
    const listing = failureOf(pipeStore(silent, stop.signal).list(''));
    await sleep(1);
    stop.abort(new Failure('interrupted', 'interrupted'));
    expect(await listing).toBe('interrupted');
  });
});
