/**
 * A thread that compresses and decompresses. It does one job at a time, and answers in the order of
 * the jobs. The input lies in memory shared with the pool, and the output is handed over.
 */
import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { isCompressible } from './compressible.ts';
import { DecodeError, type Engine, type EngineName } from './engine.ts';
import { loadEngine } from './engines.ts';
import { FRAME_SIZE, MAX_STORED_SIZE } from './frame.ts';
import { rawFrameSize, writeRawFrame } from './raw-frame.ts';

export type Job =
  | { readonly kind: 'compress'; readonly plain: Uint8Array; readonly level: number }
  /** Decompress one frame with `length` bytes of stream. */
  | { readonly kind: 'decompress'; readonly stored: Uint8Array; readonly length: number };

export interface Order {
  readonly job: Job;
  /**
   * MAX_STORED_SIZE bytes for the output, handed over. If undefined, the thread allocates them.
   */
  readonly buffer: ArrayBuffer | undefined;
}

/** `output` is the start of the buffer, handed over. */
export type Answer =
  | { readonly output: Uint8Array<ArrayBuffer> }
  | { readonly undecodable: string };

/**
 * The nice value of the thread. Frames are prepared ahead, so their consumer, the main thread or
 * `btrfs receive`, should get the processor first.
 */
const NICE = 10;

export interface WorkerData {
  readonly engine: EngineName;
  /** Shared. When it is not 0, the thread ends at the next message. */
  readonly ended: Int32Array;
}

/** Sent once, before any answer. */
export const READY = 'ready';

function run(job: Job, buffer: Uint8Array<ArrayBuffer>, engine: Engine): Answer {
  if (job.kind === 'compress') {
    const { plain, level } = job;
    return { output: buffer.subarray(0, pack(plain, buffer, level, engine)) };
  }
  const output = buffer.subarray(0, job.length);
  try {
    engine.decompress(job.stored, output);
  } catch (error) {
    if (error instanceof DecodeError) return { undecodable: error.message };
    throw error;
  }
  return { output };
}

function pack(plain: Uint8Array, buffer: Uint8Array, level: number, engine: Engine): number {
  if (isCompressible(plain, engine)) {
    const worthwhile = buffer.subarray(0, rawFrameSize(plain.length));
    const size = engine.compress(plain, worthwhile, level);
    if (size !== undefined) return size;
  }
  // Blocks of a raw frame lie at odd offsets, to which V8 copies from shared memory byte by byte.
  own.set(plain);
  return writeRawFrame(own.subarray(0, plain.length), buffer);
}

const own = new Uint8Array(FRAME_SIZE);

if (parentPort !== null) {
  const port = parentPort;
  // This sets the value of this thread alone: on Linux each thread has its own, setpriority(2).
  setPriority(NICE);
  const { engine: name, ended } = workerData as WorkerData;
  const engine = await loadEngine(name);
  // An error ends the thread, and the pool notices. So an instance that a failed allocation broke
  // is never used again.
  port.on('message', (order: Order) => {
    if (Atomics.load(ended, 0) !== 0) return port.close();
    const { job, buffer } = order;
    const answer = run(job, new Uint8Array(buffer ?? new ArrayBuffer(MAX_STORED_SIZE)), engine);
    port.postMessage(answer, 'output' in answer ? [answer.output.buffer] : []);
  });
  port.postMessage(READY);
}
