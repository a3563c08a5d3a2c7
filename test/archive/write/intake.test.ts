import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readCatalog } from '../../../src/archive/read/catalog.ts';
import { storedFrames } from '../../../src/archive/read/frames.ts';
import { type IntakeOptions, takeIn } from '../../../src/archive/write/intake.ts';
import { Failure } from '../../../src/failure/failure.ts';
import type { CommandBody } from '../../../src/sendstream/commands.ts';
import type { Store, WritableStore } from '../../../src/store/store.ts';
import { FRAME_SIZE } from '../../../src/zstd/frame.ts';
import { decompressFrames } from '../../../src/zstd/pipeline.ts';
import { FramePool } from '../../../src/zstd/pool.ts';
import { exampleSource } from '../../manifest/example.ts';
import { around, bytes } from '../../sendstream/streams.ts';
import { type MemoryStore, memoryStore } from '../../store/memory.ts';
import { blocksOf, noise, pieces } from '../../zstd/data.ts';
import { settings, withArchive } from '../stored.ts';

const directory = 's.11111111.full';
const samples = join(import.meta.dirname, '../../../samples/streams');
const never = new AbortController().signal;

const PIECE = 100_000;

/** A valid stream of six frames. */
const long = around(
  { type: 'MKFILE', path: bytes('f'), ino: 257n },
  ...Array.from({ length: 115 }, (_, at): CommandBody => {
    const data = noise(PIECE, at + 1);
    return { type: 'WRITE', path: bytes('f'), fileOffset: BigInt(at * PIECE), data };
  }),
);

function withOptions(
  stores: readonly WritableStore[],
  change: Partial<IntakeOptions> = {},
): IntakeOptions {
  const pool = new FramePool({ workers: 1 });
  onTestFinished(() => pool.close());
  return {
    archives: stores.map((store) => ({ store, lost: never })),
    directory,
    settings,
    pool,
    origin: {
      source: exampleSource,
      sendTransid: '5',
      requirement: () => ({ sendTransid: '6', name: 'known at the origin' }),
    },
    accept: () => {},
    onProgress: () => {},
    onFailure: () => {},
    onDifference: () => {},
    ...change,
  };
}

/** A producer of these bytes, which notes whether it was stopped. */
function producer(stream: Uint8Array, done: Promise<void> = Promise.resolve()) {
  done.catch(() => {});
  const state = { stopped: false };
  const begin = async () => ({
    ...blocksOf(pieces(stream, 100_000)),
    done,
    stop: () => {
      state.stopped = true;
    },
  });
  return { begin, state };
}

const isPublished = ({ files }: MemoryStore) => files.has(`streams/${directory}/manifest.json`);

/** The bytes of the only stream of an archive, and its manifest. */
async function readBack(store: Store) {
  const { streams } = await readCatalog(store);
  const [stream] = streams;
  if (stream === undefined) throw new Error('no stream');
  const pool = new FramePool({ workers: 1 });
  const all: Buffer[] = [];
  for await (const { content } of decompressFrames(storedFrames(stream, pool), pool)) {
    all.push(Buffer.from(content));
  }
  await pool.close();
  return { manifest: stream.manifest, content: Buffer.concat(all) };
}

describe('an intake', () => {
  it.each(readdirSync(samples))('stores %s byte for byte', async (file) => {
    const stream = readFileSync(join(samples, file));
    const stores = [(await withArchive()).store, memoryStore()];
    const written = await takeIn(producer(stream).begin, withOptions(stores));
    expect(written).toMatchObject({ bytes: stream.length, frames: 1, reusedFrames: 0 });
    for (const store of stores) {
      const { content, manifest } = await readBack(store);
      expect(content.equals(stream)).toBe(true);
      expect(manifest).toMatchObject({
        kind: file.includes('.from-') ? 'incremental' : 'full',
        identity: { sendTransid: '5' },
        stream: { length: stream.length },
        source: exampleSource,
      });
      const required = [manifest.parent, ...manifest.cloneSources].filter((one) => one !== null);
      for (const { sendTransid, name } of required) {
        expect([sendTransid, name]).toEqual(['6', 'known at the origin']);
      }
    }
  });

  it('writes parts that stock tools check and read', async () => {
    const { path, store } = await withArchive();
    const options = withOptions([store], { settings: { ...settings, maxPartSize: 5_000_000 } });
    const written = await takeIn(producer(long).begin, options);
    const cwd = join(path, 'streams', directory);
    execFileSync('sha256sum', ['--strict', '-c', 'SHA256SUMS'], { cwd, stdio: 'pipe' });
    const plain = execFileSync('sh', ['-c', 'cat *.btrfs.zst | zstd -dc'], {
      cwd,
      maxBuffer: 2 ** 30,
    });
    expect(plain.equals(long)).toBe(true);
    const parts = readdirSync(cwd).filter((name) => name.endsWith('.btrfs.zst'));
    expect(parts.length).toBeGreaterThan(2);
    const stored = parts.reduce((sum, part) => sum + readFileSync(join(cwd, part)).length, 0);
    expect(written).toEqual({ bytes: long.length, stored, frames: 6, reusedFrames: 0 });
  });

  it('reports its progress up to the last byte', async () => {
    const seen: number[] = [];
    const onProgress = (bytes: number) => void seen.push(bytes);
    await takeIn(producer(long).begin, withOptions([memoryStore()], { onProgress }));
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(seen.at(-1)).toBe(long.length);
  });

  it('leaves a draft if the stream is cut short, and continues it', async () => {
    const { store } = await withArchive();
    const cut = long.subarray(0, 4 * FRAME_SIZE + 5);
    const { begin, state } = producer(cut);
    await expect(takeIn(begin, withOptions([store]))).rejects.toMatchObject({
      code: 'stream-truncated',
    });
    expect(state.stopped).toBe(true);
    expect((await readCatalog(store)).streams).toEqual([]);
    const written = await takeIn(producer(long).begin, withOptions([store]));
    expect(written).toMatchObject({ frames: 6, reusedFrames: 4 });
    expect((await readBack(store)).content.equals(long)).toBe(true);
  });

  it('starts again if the draft belongs to another stream, and says so', async () => {
    const { store } = await withArchive();
    const other = new Uint8Array(long);
    other[FRAME_SIZE + 1000] = 1 + (other[FRAME_SIZE + 1000] ?? 0);
    const cut = other.subarray(0, FRAME_SIZE);
    await expect(takeIn(producer(cut).begin, withOptions([store]))).rejects.toThrow(Failure);
    const differences: string[] = [];
    const change = {
      settings: { ...settings, level: 1 },
      onDifference: (_: unknown, used: string) => void differences.push(used),
    };
    const written = await takeIn(producer(long).begin, withOptions([store], change));
    expect(written.reusedFrames).toBe(0);
    expect(differences).toHaveLength(1);
  });

  it('refuses a stream with a damaged command', async () => {
    const store = memoryStore();
    const spoiled = new Uint8Array(long);
    const at = FRAME_SIZE + 1000;
    spoiled[at] = 1 ^ (spoiled[at] ?? 0);
    await expect(takeIn(producer(spoiled).begin, withOptions([store]))).rejects.toMatchObject({
      code: 'stream-checksum',
      where: { offset: expect.any(Number) },
    });
    expect(isPublished(store)).toBe(false);
  });

  it('fails if its producer fails, even after a complete stream', async () => {
    const store = memoryStore();
    const failed = new Failure('send-failed', 'btrfs send failed', { hint: 'none' });
    const { begin } = producer(long, Promise.reject(failed));
    await expect(takeIn(begin, withOptions([store]))).rejects.toBe(failed);
    expect(isPublished(store)).toBe(false);
  });

  it('fails if its producer cannot be started', async () => {
    const failed = new Failure('send-failed', 'no btrfs', { hint: 'none' });
    const begin = () => Promise.reject(failed);
    await expect(takeIn(begin, withOptions([memoryStore()]))).rejects.toBe(failed);
  });

  it('publishes nothing that its caller rejects', async () => {
    const store = memoryStore();
    const refused = new Failure('send-failed', 'it changed', { hint: 'none' });
    const accept = () => {
      throw refused;
    };
    await expect(takeIn(producer(long).begin, withOptions([store], { accept }))).rejects.toBe(
      refused,
    );
    expect(isPublished(store)).toBe(false);
  });

  it('stops its producer when the last archive fails', async () => {
    const full = new Failure('no-space', 'full', { hint: 'none' });
    let writes = 0;
    const store = memoryStore(new Map(), (operation) => {
      if (operation === 'write' && ++writes === 3) throw full;
    });
    const { begin, state } = producer(long);
    await expect(takeIn(begin, withOptions([store]))).rejects.toBe(full);
    expect(state.stopped).toBe(true);
  });

  it('continues with the other archives when one fails', async () => {
    const full = new Failure('no-space', 'full', { hint: 'none' });
    let writes = 0;
    const bad = memoryStore(new Map(), (operation) => {
      if (operation === 'write' && ++writes === 3) throw full;
    });
    const good = memoryStore();
    const failures: [Store, Failure][] = [];
    const onFailure = (store: Store, failure: Failure) => void failures.push([store, failure]);
    await takeIn(producer(long).begin, withOptions([bad, good], { onFailure }));
    expect(failures).toEqual([[bad, full]]);
    expect((await readBack(good)).content.equals(long)).toBe(true);
  });
});
