/**
 * Worker threads that compress and decompress frames. The input of a job lies in a slot, which is
 * memory that the pool and its workers share. The number of slots is fixed. A worker transfers its
 * output to the pool, and the pool sends that memory back with a later job. A caller waits until a
 * slot is free, so a slow consumer slows the producer and memory does not grow.
 */
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { Failure } from '../failure/failure.ts';
import type { EngineName } from './engine.ts';
import { checkLevel, defaultEngine } from './engines.ts';
import { checkFrame, damaged, frameChecksum, MAX_STORED_SIZE, withoutChecksum } from './frame.ts';
import type {
  CompressedFrame,
  ExaminedFrame,
  FrameContent,
  FrameSlot,
  StoredFrame,
} from './frame-states.ts';
import { type Answer, type Job, type Order, READY, type WorkerData } from './worker.ts';

interface Slot extends FrameSlot {
  /** The output of the last job. */
  output: ArrayBuffer | undefined;
}

export interface PoolOptions {
  readonly engine?: EngineName;
  /** Number of threads; by default one for each available core, up to four. */
  readonly workers?: number;
  /** Cores to leave to other processes (default 0) if `workers` is absent; one thread starts anyway. */
  readonly spare?: number;
  /** Its abort ends the threads and fails all jobs. */
  readonly signal?: AbortSignal;
}

interface Pending {
  readonly job: Job;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/** One thread, with its unfinished jobs, oldest first. */
interface Thread {
  worker: Worker;
  readonly exited: Promise<unknown>;
  ready: boolean;
  jobs: Pending[];
}

export class FramePool {
  readonly engine: EngineName;
  readonly workers: number;
  readonly #threads: Thread[] = [];
  readonly #free: FrameSlot[] = [];
  /** Memory for the output of later jobs. */
  readonly #buffers: ArrayBuffer[] = [];
  #slotsLeft: number;
  #waiting: Array<{ resolve: (slot: FrameSlot) => void; reject: (error: unknown) => void }> = [];
  /** Set when the pool takes no more jobs, with the reason. */
  #over: { reason: unknown } | undefined;
  /** Shared with the threads, which do no more jobs when it is not 0. */
  readonly #ended = new Int32Array(new SharedArrayBuffer(4));
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = () => this.#fail(abortReason(this.#signal));

  constructor(options: PoolOptions = {}) {
    this.engine = options.engine ?? defaultEngine();
    const cores = Math.max(1, availableParallelism() - (options.spare ?? 0));
    this.workers = options.workers ?? Math.min(cores, 4);
    // Each thread has one frame in progress and one that waits. The pool has two slots to read into
    // and one to write from.
    this.#slotsLeft = 2 * this.workers + 3;
    this.#signal = options.signal;
    if (this.#signal?.aborted) this.#over = { reason: abortReason(this.#signal) };
    else for (let i = 0; i < this.workers; i += 1) this.#threads.push(this.#start());
    this.#signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  /**
   * Lends a slot to fill. Waits until one is free.
   *
   * @throws {Failure} after an abort: its reason, or `interrupted`
   */
  acquire(): Promise<FrameSlot> {
    if (this.#over !== undefined) return Promise.reject(this.#over.reason);
    const slot = this.#free.pop();
    if (slot !== undefined) return Promise.resolve(slot);
    if (this.#slotsLeft > 0) {
      this.#slotsLeft -= 1;
      const made: Slot = {
        input: new Uint8Array(new SharedArrayBuffer(MAX_STORED_SIZE)),
        output: undefined,
      };
      return Promise.resolve(made);
    }
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** Takes a slot back. Its input and output must not be used any more. */
  release(slot: FrameSlot): void {
    const used = slot as Slot;
    if (used.output !== undefined) this.#buffers.push(used.output);
    used.output = undefined;
    const next = this.#waiting.shift();
    if (next === undefined) this.#free.push(slot);
    else next.resolve(slot);
  }

  /**
   * Compresses `plain`, 1 to FRAME_SIZE bytes of `slot.input`. If compression would not shrink them,
   * the frame holds them uncompressed.
   *
   * @throws {Failure} `usage` if the engine does not have the level
   */
  async compress(slot: FrameSlot, plain: Uint8Array, level: number): Promise<CompressedFrame> {
    checkLevel(level, this.engine);
    const answer = await this.#assign(slot, { kind: 'compress', plain, level });
    if ('undecodable' in answer) throw new Error(answer.undecodable);
    const { output } = answer;
    return { bytes: output, length: plain.length, checksum: frameChecksum(output) };
  }

  /**
   * Decompresses a frame and compares it with its entry.
   *
   * @throws {Failure} `frame-damaged` at its place
   */
  async decompress(frame: StoredFrame): Promise<FrameContent> {
    const { content, failure } = await this.examine(frame);
    if (failure !== undefined) throw failure;
    const { stored, entry } = frame;
    return { content: content as Uint8Array, checksum: entry.checksum, stored };
  }

  /**
   * Like {@link decompress}, but reports damage instead of throwing it, and also returns the contents
   * if only a checksum is wrong.
   */
  async examine({ slot, stored, entry, where }: StoredFrame): Promise<ExaminedFrame> {
    const { length, checksum } = entry;
    try {
      checkFrame(stored, length, where);
      const answer = await this.#assign(slot, { kind: 'decompress', stored, length });
      if ('undecodable' in answer) {
        const bare = withoutChecksum(stored);
        const left = await this.#assign(slot, { kind: 'decompress', stored: bare, length });
        return 'undecodable' in left
          ? { failure: damaged(`the frame cannot be decompressed: ${left.undecodable}`, where) }
          : {
              content: left.output,
              failure: damaged('the contents of the frame do not match its checksum', where),
            };
      }
      const found = frameChecksum(stored);
      if (found === checksum) return { content: answer.output };
      const failure = damaged('the checksum of the frame differs from the seek table', {
        ...where,
        expected: checksum.toString(16).padStart(8, '0'),
        found: found.toString(16).padStart(8, '0'),
      });
      return { content: answer.output, failure };
    } catch (error) {
      if (error instanceof WorkerDeath) {
        return { failure: damaged('frame is not decodable', where, error) };
      }
      if (error instanceof Failure && error.code === 'frame-damaged') return { failure: error };
      throw error;
    }
  }

  /** Ends the threads. Unfinished jobs fail. */
  async close(): Promise<void> {
    this.#fail(new Error('the frame pool is closed'));
    await Promise.all(this.#threads.map(({ exited }) => exited));
  }

  async #assign(slot: FrameSlot, job: Job): Promise<Answer> {
    const answer = await this.#dispatch(job);
    if ('output' in answer) (slot as Slot).output = answer.output.buffer;
    return answer;
  }

  #dispatch(job: Job): Promise<Answer> {
    if (this.#over !== undefined) return Promise.reject(this.#over.reason);
    const [first, ...others] = this.#threads;
    if (first === undefined) throw new Error('a frame pool needs a worker');
    const thread = others.reduce((a, b) => (b.jobs.length < a.jobs.length ? b : a), first);
    return new Promise((resolve, reject) => {
      thread.jobs.push({ job, resolve, reject });
      thread.worker.ref();
      this.#post(thread, job);
    });
  }

  #post(thread: Thread, job: Job): void {
    const buffer = this.#buffers.pop();
    const order: Order = { job, buffer };
    thread.worker.postMessage(order, buffer === undefined ? [] : [buffer]);
  }

  #start(): Thread {
    const file = createRequire(import.meta.url).resolve('#frame-worker');
    const workerData: WorkerData = { engine: this.engine, ended: this.#ended };
    const worker = new Worker(file, { workerData, execArgv: [] });
    const exited = new Promise((resolve) => worker.once('exit', resolve));
    const thread: Thread = { worker, exited, ready: false, jobs: [] };
    worker.on('message', (message: Answer | typeof READY) => {
      if (message === READY) thread.ready = true;
      else thread.jobs.shift()?.resolve(message);
      this.#settle(thread);
    });
    worker.once('error', (error) => this.#replace(thread, error));
    worker.once('exit', (code) => this.#replace(thread, new Error(`exit code ${code}`)));
    worker.unref(); // only jobs keep the process alive
    return thread;
  }

  #settle(thread: Thread): void {
    // A pool that is being closed keeps the process alive until its threads end.
    if (this.#over === undefined && thread.jobs.length === 0) thread.worker.unref();
  }

  /**
   * Replaces a thread that died: rejects the job that it was running, and gives its other jobs to a
   * new thread. If the thread never became ready, the whole pool fails.
   */
  #replace(thread: Thread, cause: unknown): void {
    const index = this.#threads.indexOf(thread);
    if (this.#over !== undefined || index === -1) return;
    if (!thread.ready) {
      this.#fail(new Error('a frame worker did not start', { cause }));
      return;
    }
    const [culprit, ...others] = thread.jobs;
    const successor = this.#start();
    this.#threads[index] = successor;
    successor.jobs = others;
    if (others.length > 0) successor.worker.ref();
    for (const { job } of others) this.#post(successor, job);
    culprit?.reject(new WorkerDeath('a frame worker died', { cause }));
  }

  #fail(reason: unknown): void {
    if (this.#over !== undefined) return;
    this.#over = { reason };
    this.#signal?.removeEventListener('abort', this.#onAbort);
    for (const { reject } of this.#waiting.splice(0)) reject(reason);
    // Do not call terminate(), which can abort the whole process if a thread is in the middle of a job
    // (node_zlib.cc, "close before init"). A job is short, and the threads skip those that wait.
    Atomics.store(this.#ended, 0, 1);
    for (const { worker, jobs } of this.#threads) {
      for (const { reject } of jobs.splice(0)) reject(reason);
      worker.ref();
      worker.postMessage(undefined);
    }
  }
}

class WorkerDeath extends Error {}

function abortReason(signal: AbortSignal | undefined): Failure {
  const reason: unknown = signal?.reason;
  return reason instanceof Failure ? reason : new Failure('interrupted', 'interrupted');
}
