import { expect, it } from 'vitest';
import { stagePlace } from '../../../src/archive/layout.ts';
import { readCatalog } from '../../../src/archive/read/catalog.ts';
import { storedFrames } from '../../../src/archive/read/frames.ts';
import type { StoredStream } from '../../../src/archive/read/stored-stream.ts';
import { copyStream } from '../../../src/operations/copy/stream.ts';
import { FRAME_SIZE } from '../../../src/zstd/frame.ts';
import { decompressFrames } from '../../../src/zstd/pipeline.ts';
import { FramePool } from '../../../src/zstd/pool.ts';
import { archiveHeader, noise, publish, withArchive } from '../../archive/stored.ts';
import { memoryStore } from '../../store/memory.ts';
import { contextWith } from '../context.ts';

const directory = 'home.11111111.full';

/** An archive with one stream of these bytes, in one part. */
async function archiveOf(content: Uint8Array) {
  const { path, store } = await withArchive();
  await publish(store, directory, content);
  const { streams } = await readCatalog(store);
  return { path, stream: streams[0] as StoredStream };
}

/** Copies a stream into a store that takes files of up to `limit` bytes. */
async function copied(copies: readonly [StoredStream, ...StoredStream[]], limit: number) {
  const target = memoryStore(new Map([['btrferry.json', archiveHeader()]]));
  const store = { ...target, maxFileSize: async () => limit };
  const codes: string[] = [];
  const context = contextWith((event) => {
    if (event.type === 'warning') codes.push(event.code);
    if (event.type === 'frame-taken') codes.push(event.type);
  });
  const step = { copies, there: undefined, replaces: undefined };
  await copyStream(step, store, context);
  const { streams } = await readCatalog(target);
  return { stream: streams[0] as StoredStream, files: target.files, codes };
}

async function contentOf(stream: StoredStream): Promise<Buffer> {
  const pool = new FramePool({ workers: 1 });
  const pieces: Buffer[] = [];
  for await (const { content } of decompressFrames(storedFrames(stream, pool), pool)) {
    pieces.push(Buffer.from(content));
  }
  await pool.close();
  return Buffer.concat(pieces);
}

const limit = FRAME_SIZE + 100_000;

it('splits a stream anew where the target takes no larger files, and keeps its frames', async () => {
  const content = noise(2 * FRAME_SIZE + 1000);
  const { stream } = await archiveOf(content);
  const { stream: split, files } = await copied([stream], limit);
  expect(split.manifest.parts.length).toBeGreaterThan(stream.manifest.parts.length);
  for (const [path, { length }] of files) expect(length, path).toBeLessThanOrEqual(limit);
  const { parts: _, sha256: __, ...others } = split.manifest;
  expect(stream.manifest).toMatchObject(others);
  expect((await contentOf(split)).equals(content)).toBe(true);
});

it('copies parts as they are where they fit', async () => {
  const { stream } = await archiveOf(noise(FRAME_SIZE));
  const { stream: same } = await copied([stream], 3 * FRAME_SIZE);
  expect(same.manifest).toEqual(stream.manifest);
});

it('takes another copy from the damaged frame on, and says so', async () => {
  const content = noise(2 * FRAME_SIZE);
  const [bad, good] = [await archiveOf(content), await archiveOf(content)];
  const { file } = bad.stream.manifest.parts[0] ?? { file: '' };
  const { store } = { store: bad.stream.source };
  const damaged: StoredStream = {
    ...bad.stream,
    source: {
      ...store,
      open: async (name) => {
        const opened = await store.open(name);
        const read: typeof opened.read = async (into, offset) => {
          await opened.read(into, offset);
          if (name === file && into.length > 9) into[9] = (into[9] ?? 0) ^ 1;
        };
        return { ...opened, read };
      },
    },
  };
  const { stream, codes } = await copied([damaged, good.stream], limit);
  expect(codes).toEqual(['frame-taken']);
  expect((await contentOf(stream)).equals(content)).toBe(true);
  await expect(copied([damaged], limit)).rejects.toMatchObject({ code: 'frame-damaged' });
  expect(stagePlace(directory).directory).toBe(stream.source.directory);
});

it('takes a copy in other parts if one is damaged, and leaves no part of that one', async () => {
  const { stream } = await archiveOf(noise(3 * FRAME_SIZE));
  const { stream: split } = await copied([stream], limit);
  const {
    stream: copy,
    files,
    codes,
  } = await copied([damagedIn(split, 1), stream], 9 * FRAME_SIZE);
  expect(copy.manifest).toEqual(stream.manifest);
  expect([...files.keys()].filter((file) => file.endsWith('.zst'))).toHaveLength(1);
  expect(codes).toEqual(['copy-damaged']);
  const { stream: back } = await copied([damagedIn(stream, 0), split], 9 * FRAME_SIZE);
  expect(back.manifest).toEqual(split.manifest);
});

/** A stream whose part with this index reads as other bytes than were written. */
function damagedIn(stream: StoredStream, at: number): StoredStream {
  const damaged = stream.manifest.parts[at]?.file;
  const { source } = stream;
  return {
    ...stream,
    source: {
      ...source,
      async *read(file, range) {
        for await (const piece of source.read(file, range)) {
          yield file === damaged ? piece.map((byte) => byte ^ 1) : piece;
        }
      },
    },
  };
}
