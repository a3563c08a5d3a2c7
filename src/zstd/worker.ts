/**
 * The thread that compresses and decompresses: takes one job at a time, answers in the same
 * order. Its input lies in memory shared with the pool; what it puts out is handed over.
 */
import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { isCompressible } from './compressible.ts';
import { DecodeError, type Engine, type EngineName } from './engine.ts';
import { loadEngine } from './engines.ts';
import { FRAME_SIZE, MAX_PACKED_SIZE } from './frame.ts';
import { storedSize, writeStored } from './stored.ts';

export type Job =
  | { readonly kind: 'compress'; readonly plain: Uint8Array; readonly level: number }
  /** Decompress one whole frame, of `length` bytes of stream. */
  | { readonly kind: 'decompress'; readonly packed: Uint8Array; readonly length: number };

export interface Order {
  readonly job: Job;
  /** MAX_PACKED_SIZE bytes, handed over, to put the output into; without them, new ones are made. */
  readonly room: ArrayBuffer | undefined;
}

/** `output` is the start of the room, handed over. */
export type Answer =
  | { readonly output: Uint8Array<ArrayBuffer> }
  | { readonly undecodable: string };

/**
 * The nice value of the thread. Frames are worked on ahead, so that whoever waits for them finds
 * some: it should have the processor first, be it the main thread or `btrfs receive`.
 */
const NICE = 10;

export interface WorkerData {
  readonly engine: EngineName;
  /** Shared: once it is not 0, the thread ends at the next message, whatever that is. */
  readonly ended: Int32Array;
}

/** Sent once, before any answer. */
export const READY = 'ready';

function run(job: Job, room: Uint8Array<ArrayBuffer>, engine: Engine): Answer {
  if (job.kind === 'compress') {
    const { plain, level } = job;
    return { output: room.subarray(0, pack(plain, room, level, engine)) };
  }
  const output = room.subarray(0, job.length);
  try {
    engine.decompress(job.packed, output);
  } catch (error) {
    if (error instanceof DecodeError) return { undecodable: error.message };
    throw error;
  }
  return { output };
}

function pack(plain: Uint8Array, room: Uint8Array, level: number, engine: Engine): number {
  if (isCompressible(plain, engine)) {
    const worthwhile = room.subarray(0, storedSize(plain.length));
    const size = engine.compress(plain, worthwhile, level);
    if (size !== undefined) return size;
  }
  // Blocks of a stored frame lie at odd places, to which V8 copies from shared memory byte by byte.
  own.set(plain);
  return writeStored(own.subarray(0, plain.length), room);
}

const own = new Uint8Array(FRAME_SIZE);

if (parentPort !== null) {
  const port = parentPort;
  // Of this thread alone: on Linux each has a nice value of its own, setpriority(2).
  setPriority(NICE);
  const { engine: name, ended } = workerData as WorkerData;
  const engine = await loadEngine(name);
  // Whatever is thrown here ends the thread: the pool sees it, and an instance that a failed
  // allocation left broken is never used again.
  port.on('message', (order: Order) => {
    if (Atomics.load(ended, 0) !== 0) return port.close();
    const { job, room } = order;
    const answer = run(job, new Uint8Array(room ?? new ArrayBuffer(MAX_PACKED_SIZE)), engine);
    port.postMessage(answer, 'output' in answer ? [answer.output.buffer] : []);
  });
  port.postMessage(READY);
}
