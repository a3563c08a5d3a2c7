import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readCatalog } from '../../src/archive/read/catalog.ts';
import { checkStored, hasSums } from '../../src/archive/read/integrity.ts';
import { readReceipts } from '../../src/archive/read/receipts.ts';
import type { StoredStream } from '../../src/archive/read/stored-stream.ts';
import type { Filesystem } from '../../src/btrfs/filesystem.ts';
import { receiverInto } from '../../src/btrfs/receive.ts';
import { Failure } from '../../src/failure/failure.ts';
import { receiptDocument } from '../../src/manifest/document.ts';
import { importStream } from '../../src/operations/import/stream.ts';
import { verifyStream } from '../../src/operations/verify/stream.ts';
import { FRAME_SIZE } from '../../src/zstd/frame.ts';
import type { FramePool } from '../../src/zstd/pool.ts';
import { withDirectory } from '../filesystem.ts';
import { contextWith } from '../operations/context.ts';
import { end, own, streamOf, subvol } from '../sendstream/streams.ts';
import { type Files, filesOf, memoryStore } from '../store/memory.ts';
import { zstd } from '../zstd/data.ts';
import { mkfile, write } from './bodies.ts';
import { forge } from './forge.ts';

/**
 * A small archive, of which anything that can be changed is changed: the chain of samples/, a
 * stream in three parts, and a receipt.
 */
export function smallArchive(): Files {
  const archive = withDirectory();
  cpSync(join(import.meta.dirname, '../../samples/archives/chain'), archive, { recursive: true });
  // No reader looks at it, so nothing that befalls it is found.
  rmSync(join(archive, 'README.txt'));
  const header = readFileSync(join(archive, 'btrferry.json'));
  const data = Buffer.alloc(190 * 1024, 'a');
  const stream = streamOf(2, [subvol, mkfile('a'), ...Array(23).fill(write('a', data)), end]);
  forge(archive, stream, {
    directory: 'parts.b0161b76.full',
    partLength: FRAME_SIZE,
    frame: (_, plain) => zstd(['-19c', '--check', `--stream-size=${plain.length}`], plain).out,
  });
  writeFileSync(join(archive, 'btrferry.json'), header);
  mkdirSync(join(archive, 'receipts'));
  const filesystem = 'cccccccc-dddd-eeee-ffff-000000000000';
  writeFileSync(
    join(archive, `receipts/${filesystem}.json`),
    receiptDocument.encode({
      format: 'btrferry/receipt',
      version: 1,
      filesystem,
      subvolumes: [
        {
          uuid: own,
          ctransid: '9',
          sendTransid: '7',
          localUuid: filesystem,
          path: 'backup/home',
        },
      ],
      tool: { name: 'btrferry', version: '0.1.0' },
      createdAt: '2026-11-22T10:00:00Z',
    }),
  );
  return filesOf(archive);
}

/** The archive with one file of other bytes, or without it. */
export function changed(files: Files, path: string, bytes: Uint8Array | undefined): Files {
  const all = new Map(files);
  if (bytes === undefined) all.delete(path);
  else all.set(path, bytes);
  return all;
}

const context = contextWith();

/**
 * Whether `verify` finds damage, by the parts it is made of: no threads are started each time.
 * With `path`, only streams in whose directory that is are read.
 */
export function isFound(archive: Files, pool: FramePool, path?: string): Promise<boolean> {
  return isRefused(archive, path, async (stream) => {
    const [failure] = (await verifyStream(stream, pool, context)).failures;
    if (failure !== undefined) throw failure;
    await assertForPeople(stream);
  });
}

/** Whether `verify` sees that something is wrong before it reads a stream's frames. */
export function looksSpoiled(archive: Files, path?: string): Promise<boolean> {
  return isRefused(archive, path, async (stream) => {
    await assertStored(stream);
    await assertForPeople(stream);
  });
}

export interface Into {
  readonly into: string;
  readonly filesystem: Filesystem;
  readonly pool: FramePool;
}

/** Whether something keeps `import` from receiving the streams in whose directory `path` is. */
export function isKeptOut(archive: Files, { pool, ...to }: Into, path?: string): Promise<boolean> {
  return isRefused(archive, path, async (stream) => {
    await assertStored(stream);
    const place = { index: 1, count: 1 };
    const step = { stream, as: Buffer.from(stream.uuid) };
    const records = new Map();
    const receiver = receiverInto(to.into);
    const onConfinement = () => {};
    const job = { ...to, pool, receiver, records, copies: [], place, context, onConfinement };
    await importStream(step, job).finally(receiver.close);
  });
}

async function assertStored(stream: StoredStream): Promise<void> {
  const [failure] = await checkStored(stream);
  if (failure !== undefined) throw failure;
}

/** Damage that verify reports and no import minds. */
async function assertForPeople(stream: StoredStream): Promise<void> {
  if (!(await hasSums(stream))) throw new Failure('part-damaged', 'SHA256SUMS differs');
}

/** Whether an archive is refused, or by `look` one of its streams. */
async function isRefused(
  archive: Files,
  path: string | undefined,
  look: (stream: StoredStream) => Promise<unknown>,
): Promise<boolean> {
  const store = memoryStore(archive);
  try {
    const { streams, damaged, headerFailure } = await readCatalog(store);
    const receipts = await readReceipts(store);
    if (damaged.length + receipts.damaged.length > 0 || headerFailure !== undefined) return true;
    for (const stream of streams) {
      if (path === undefined || path.startsWith(`${stream.source.directory}/`)) await look(stream);
    }
    return false;
  } catch (error) {
    if (error instanceof Failure) return true;
    throw error;
  }
}
