import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { Piscina } from 'piscina';
import { type FlagReader, flagsIn } from '../btrfs/flags.ts';
import { Failure } from '../failure/failure.ts';
import { joinPath, type Path } from '../names/path.ts';
import { type Digests, type Job, type Request, SHORT, type Trouble } from './digest-thread.ts';
import type { Entry, Inode } from './entry.ts';
import { type FoundInode, inodeOf, inodesBelow, readFailure, shortened } from './inodes.ts';

export interface WalkOptions {
  /** Bytes of the blocks that contents are hashed in. */
  readonly blockSize: number;
  readonly signal: AbortSignal;
  /** Called with the numbers of entries and of bytes that were read so far. */
  readonly onProgress?: (entries: number, bytes: number) => void;
}

/** Threads for each core. Some wait for the disk while others hash. */
const THREADS = 2;
/** Entries and bytes of contents after which a batch is complete. */
const JOB = { entries: 256, bytes: 8 * 1024 * 1024 };
/** Bytes of a large file that one job hashes. It holds whole blocks. */
const SLICE = 64 * 1024 * 1024;

/**
 * Reads the tree of a directory: its entries in order, with the contents hashed on all cores. The
 * directory must not change meanwhile.
 *
 * @throws {Failure} `read-failed`, `interrupted`
 */
export async function* walk(
  top: Path,
  options: WalkOptions,
): AsyncGenerator<Entry, void, undefined> {
  const { blockSize, signal, onProgress = () => {} } = options;
  const flags = await flagsIn(top).catch((error: unknown) => {
    throw readFailure(error, joinPath(top, ''));
  });
  const threads = THREADS * availableParallelism();
  const pool = new Piscina<Job, Digests[] | Trouble>({
    filename: createRequire(import.meta.url).resolve('#digest-thread'),
    minThreads: 1,
    maxThreads: threads,
    execArgv: [],
  });
  const queue: { readonly batch: Batch; readonly found: Promise<Digests[] | Trouble> }[] = [];
  let [entries, bytes] = [0, 0];
  async function* oldest(): AsyncGenerator<Entry, void, undefined> {
    const { batch, found: pending } = queue.shift() as (typeof queue)[number];
    const found = await pending;
    if (!Array.isArray(found)) throw troubleOf(found);
    for (const step of batch.steps) {
      const entry = step(found);
      if (entry === undefined) continue;
      entries++;
      yield entry;
    }
    bytes += batch.bytes;
    onProgress(entries, bytes);
  }
  try {
    for (const batch of batches(top, flags)) {
      if (signal.aborted) throw interruption(signal);
      const { requests } = batch;
      const found = requests.length === 0 ? Promise.resolve([]) : pool.run({ requests, blockSize });
      found.catch(() => {}); // thrown when its turn comes
      queue.push({ batch, found });
      while (queue.length > 2 * threads) yield* oldest();
    }
    while (queue.length > 0) yield* oldest();
  } finally {
    await pool.destroy();
    flags.close();
  }
}

/** Consecutive entries, with the requests for their contents. */
interface Batch {
  readonly requests: Request[];
  /** Bytes of contents. */
  bytes: number;
  /** Each takes the answers to the requests, and makes an entry if its contents are complete. */
  readonly steps: ((found: readonly Digests[]) => Entry | undefined)[];
}

const emptyBatch = (): Batch => ({ requests: [], bytes: 0, steps: [] });

/** Gathers inodes into batches. The slices of a large file come in several. */
function* batches(top: Path, flags: FlagReader): Generator<Batch, void, undefined> {
  /** The first names of inodes that have several. */
  const firsts = new Map<bigint, Buffer>();
  let batch = emptyBatch();
  for (const found of inodesBelow(top)) {
    if ('kind' in found) batch.steps.push(() => found);
    else yield* foundInto(found);
    if (batch.steps.length < JOB.entries && batch.bytes < JOB.bytes) continue;
    yield batch;
    batch = emptyBatch();
  }
  if (batch.steps.length > 0) yield batch;

  function* foundInto(found: FoundInode): Generator<Batch, void, undefined> {
    const { path, file, stats } = found;
    const first = firsts.get(stats.ino);
    if (!stats.isDirectory() && stats.nlink > 1n && first === undefined)
      firsts.set(stats.ino, path);
    if (first !== undefined) batch.steps.push(() => ({ kind: 'link', path, first }));
    else yield* inodeInto(inodeOf(found, flags), file);
  }

  function* inodeInto(inode: Inode, file: Buffer): Generator<Batch, void, undefined> {
    if (inode.kind !== 'file' || inode.size === 0) {
      batch.steps.push(() => inode);
      return;
    }
    const gathered: Digests[] = [];
    for (let start = 0; start < inode.size; start += SLICE) {
      const end = Math.min(start + SLICE, inode.size);
      const at = batch.requests.push({ path: file, start, end }) - 1;
      batch.bytes += end - start;
      const isLast = end === inode.size;
      batch.steps.push((answers) => {
        gathered.push(answers[at] as Digests);
        return isLast ? { ...inode, digests: joined(gathered) } : undefined;
      });
      if (isLast) return;
      yield batch;
      batch = emptyBatch();
    }
  }
}

function joined(digests: readonly Digests[]): Uint8Array {
  const [first] = digests as [Digests];
  return digests.length === 1 ? first : Buffer.concat(digests);
}

function troubleOf({ path, code, errno, syscall }: Trouble): unknown {
  if (code === SHORT) return shortened(path);
  return readFailure(Object.assign(new Error(code), { code, errno, syscall }), path);
}

function interruption({ reason }: AbortSignal): unknown {
  return reason instanceof Failure ? reason : new Failure('interrupted', 'interrupted');
}
