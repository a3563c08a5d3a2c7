import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCatalog } from '../../../src/archive/read/catalog.ts';
import { storedFrames } from '../../../src/archive/read/frames.ts';
import { checkFrames, checkStored, hasSums } from '../../../src/archive/read/integrity.ts';
import type { StoredStream } from '../../../src/archive/read/stored-stream.ts';
import { Failure } from '../../../src/failure/failure.ts';
import { FramesHash } from '../../../src/zstd/checksum.ts';
import { FRAME_SIZE } from '../../../src/zstd/frame.ts';
import { decompressFrames } from '../../../src/zstd/pipeline.ts';
import { FramePool } from '../../../src/zstd/pool.ts';
import { zstd } from '../../zstd/data.ts';
import { noise, publish, withArchive } from '../stored.ts';

let pool: FramePool;
beforeAll(() => {
  pool = new FramePool({ workers: 1 });
});
afterAll(() => pool.close());

async function stored(content: Uint8Array, maxPartSize?: number) {
  const { path, store } = await withArchive();
  const options = maxPartSize === undefined ? {} : { maxPartSize };
  await publish(store, 'home.11111111.full', content, options);
  const { streams } = await readCatalog(store);
  const directory = join(path, 'streams', 'home.11111111.full');
  return { stream: streams[0] as StoredStream, directory };
}

/** The same stream, as it comes through a pipe. */
function passing(stream: StoredStream): StoredStream {
  const open = () => Promise.reject(new Error('a pipe cannot be opened for random reads'));
  const read: StoredStream['source']['read'] = (file, range) => {
    // ByteReader keeps pieces, which a pipe never uses again.
    return (async function* () {
      for await (const piece of stream.source.read(file, range)) yield Buffer.from(piece);
    })();
  };
  return { ...stream, source: { ...stream.source, position: 0, open, read } };
}

const ways = [
  { way: 'read in any order', as: (stream: StoredStream) => stream },
  { way: 'that comes through a pipe', as: passing },
];

async function restored(stream: StoredStream): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const { content } of decompressFrames(storedFrames(stream, pool), pool)) {
    pieces.push(Buffer.from(content));
  }
  return Buffer.concat(pieces);
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'nothing found',
    (error) => (error instanceof Failure ? error.code : `not a failure: ${error}`),
  );

const codes = async (stream: StoredStream) => (await checkStored(stream)).map(({ code }) => code);

describe.each(ways)('a stored stream $way', ({ as }) => {
  it('is read frame by frame, part after part', async () => {
    const content = noise(2 * FRAME_SIZE + 1000);
    const { stream } = await stored(content, FRAME_SIZE + 1000);
    expect(stream.manifest.parts).toHaveLength(3);
    expect((await restored(as(stream))).equals(content)).toBe(true);
    expect(await checkStored(stream)).toEqual([]);
    expect(stream.storedBytes).toBe(
      stream.manifest.parts.reduce((sum, part) => sum + part.length, 0),
    );
  });

  it('is refused for any changed byte before its end is read', async () => {
    const { stream, directory } = await stored(Buffer.from('a small stream, '.repeat(20)));
    const file = join(directory, '0001.btrfs.zst');
    const bytes = readFileSync(file);
    const found = new Set<string>();
    for (let at = 0; at < bytes.length; at++) {
      writeFileSync(file, bytes.with(at, (bytes[at] ?? 0) ^ 0x10));
      expect(await checkStored(stream)).toEqual([]);
      found.add(await codeOf(restored(as(stream))));
    }
    expect(found).not.toContain('nothing found');
    const codes = ['frame-damaged', 'part-damaged', 'seek-table-damaged'];
    expect([...found].filter((code) => !codes.includes(code))).toEqual([]);
    writeFileSync(file, bytes);
    expect(await codeOf(restored(as(stream)))).toBe('nothing found');
  });

  it('is refused if it is cut short anywhere', async () => {
    const { stream, directory } = await stored(Buffer.from('a small stream'));
    const file = join(directory, '0001.btrfs.zst');
    const bytes = readFileSync(file);
    for (let length = bytes.length - 1; length >= 0; length--) {
      truncateSync(file, length);
      expect(await codes(stream)).toEqual(['part-damaged']);
      expect(await codeOf(restored(as(stream)))).not.toBe('nothing found');
    }
  });

  it('is refused if a part belongs to another place', async () => {
    const { stream, directory } = await stored(noise(3 * FRAME_SIZE), FRAME_SIZE + 1000);
    const [one, two] = ['0001.btrfs.zst', '0002.btrfs.zst'].map((name) => join(directory, name));
    const [first, second] = [readFileSync(one as string), readFileSync(two as string)];
    writeFileSync(one as string, second);
    writeFileSync(two as string, first);
    expect(await checkStored(stream)).toEqual([]);
    expect(await codeOf(restored(as(stream)))).toBe('part-damaged');
  });

  it('is refused if a part has more bytes', async () => {
    const { stream, directory } = await stored(Buffer.from('a small stream'));
    const file = join(directory, '0001.btrfs.zst');
    writeFileSync(file, Buffer.concat([readFileSync(file), Buffer.from('x')]));
    expect(await codes(stream)).toEqual(['part-damaged']);
    if (as === passing) expect(await codeOf(restored(as(stream)))).toBe('seek-table-damaged');
  });
});

describe('a stored stream', () => {
  it('is identified by its seek tables, however it is split', async () => {
    const content = noise(3 * FRAME_SIZE + 1000);
    const whole = await stored(content);
    const split = await stored(content, FRAME_SIZE + 1000);
    const { framesXxh64 } = whole.stream.manifest.stream;
    expect(split.stream.manifest.stream.framesXxh64).toBe(framesXxh64);
    for (const { stream } of [whole, split]) expect(await checkFrames(stream)).toBeUndefined();
    // The checksums, as zstd makes them of the pieces.
    const hash = new FramesHash();
    for (let at = 0; at < content.length; at += FRAME_SIZE) {
      const { out } = zstd(['-c', '--check'], content.subarray(at, at + FRAME_SIZE));
      hash.add(out.readUInt32LE(out.length - 4));
    }
    expect(hash.hex()).toBe(framesXxh64);
  });

  it('is refused before any frame is read if its seek tables list other frames', async () => {
    const { stream, directory } = await stored(noise(3 * FRAME_SIZE), FRAME_SIZE + 1000);
    const [one, two] = ['0001.btrfs.zst', '0002.btrfs.zst'].map((name) => join(directory, name));
    const [first, second] = [readFileSync(one as string), readFileSync(two as string)];
    writeFileSync(one as string, second);
    writeFileSync(two as string, first);
    expect((await checkFrames(stream))?.code).toBe('stream-differs-from-manifest');
    writeFileSync(one as string, first.with(-10, (first.at(-10) ?? 0) ^ 1));
    writeFileSync(two as string, second);
    expect((await checkFrames(stream))?.code).toBe('stream-differs-from-manifest');
    writeFileSync(one as string, first.with(-1, 0));
    expect((await checkFrames(stream))?.code).toBe('seek-table-damaged');
    rmSync(one as string);
    expect((await checkFrames(stream))?.code).toBe('read-failed');
  });

  it('names a missing part, and says what to do', async () => {
    const { stream, directory } = await stored(noise(2 * FRAME_SIZE), FRAME_SIZE + 1000);
    rmSync(join(directory, '0002.btrfs.zst'));
    const [failure] = await checkStored(stream);
    expect(failure).toMatchObject({
      code: 'part-missing',
      message: 'streams/home.11111111.full/0002.btrfs.zst is missing',
      hint: 'restore this file from another copy, or move streams/home.11111111.full out of the archive and export the snapshot again',
    });
    expect(await codeOf(restored(stream))).toBe('read-failed');
  });

  it('is refused if a part has grown', async () => {
    const { stream, directory } = await stored(Buffer.from('stream'));
    writeFileSync(join(directory, '0001.btrfs.zst'), 'x', { flag: 'a' });
    expect(await codes(stream)).toEqual(['part-damaged']);
  });

  it.each([
    ['changed', (file: string) => writeFileSync(file, `${'0'.repeat(64)}  0001.btrfs.zst\n`)],
    ['longer', (file: string) => writeFileSync(file, '\n', { flag: 'a' })],
    ['cut short', (file: string) => truncateSync(file, 10)],
    ['gone', (file: string) => rmSync(file)],
  ])('is intact with its SHA256SUMS %s, and reports it', async (_, spoil) => {
    const { stream, directory } = await stored(Buffer.from('stream'));
    expect(await hasSums(stream)).toBe(true);
    spoil(join(directory, 'SHA256SUMS'));
    expect(await hasSums(stream)).toBe(false);
    expect(await checkStored(stream)).toEqual([]);
    expect(String(await restored(stream))).toBe('stream');
  });
});
