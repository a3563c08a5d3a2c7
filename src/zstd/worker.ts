/**
 * The thread that compresses and decompresses: takes one job at a time, answers in the same
 * order. The bytes lie in memory shared with the pool; only sizes and hashes are sent.
 */
import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { isCompressible } from './compressible.ts';
import { DecodeError, type Engine, type EngineName } from './engine.ts';
import { loadEngine } from './engines.ts';
import { storedSize, writeStored } from './stored.ts';
import { xxh64 } from './stream-hash.ts';

export type Job =
  /** Compress the first `length` bytes of `plain` into `packed`. */
  | { readonly kind: 'compress'; plain: Uint8Array; packed: Uint8Array; level: number }
  /** Decompress `packed`, one whole frame, so as to fill `plain`. */
  | { readonly kind: 'decompress'; plain: Uint8Array; packed: Uint8Array };

/** `size` are bytes of the packed frame, `xxh64` is of the plain bytes. */
export type Answer = { size: number; xxh64: bigint } | { undecodable: string };

/**
 * The nice value of the thread. Frames are worked on ahead, so that whoever waits for them finds
 * some: it should have the processor first, be it the main thread or `btrfs receive`.
 */
const NICE = 10;

export interface WorkerData {
  readonly engine: EngineName;
}

/** Sent once, before any answer. */
export const READY = 'ready';

function run(job: Job, engine: Engine): Answer {
  if (job.kind === 'decompress') {
    try {
      engine.decompress(job.packed, job.plain);
    } catch (error) {
      if (error instanceof DecodeError) return { undecodable: error.message };
      throw error;
    }
    return { size: job.packed.length, xxh64: xxh64(job.plain) };
  }
  return { size: pack(job.plain, job.packed, job.level, engine), xxh64: xxh64(job.plain) };
}

function pack(plain: Uint8Array, packed: Uint8Array, level: number, engine: Engine): number {
  if (isCompressible(plain, engine)) {
    const worthwhile = packed.subarray(0, storedSize(plain.length));
    const size = engine.compress(plain, worthwhile, level);
    if (size !== undefined) return size;
  }
  return writeStored(plain, packed);
}

if (parentPort !== null) {
  const port = parentPort;
  // Of this thread alone: on Linux each has a nice value of its own, setpriority(2).
  setPriority(NICE);
  const engine = await loadEngine((workerData as WorkerData).engine);
  // Whatever is thrown here ends the thread: the pool sees it, and an instance that a failed
  // allocation left broken is never used again.
  port.on('message', (job: Job) => port.postMessage(run(job, engine)));
  port.postMessage(READY);
}
