/**
 * Worker threads that compress and decompress frames. What goes in lies in one of a fixed set of
 * slots, which both sides read; what comes out is handed over, and its memory goes back with a
 * later job. Whoever wants a slot while all are in use waits, so a slow end of the pipeline slows
 * the other, and memory does not grow.
 */
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { Failure, type Where } from '../failure/failure.ts';
import type { EngineName } from './engine.ts';
import { checkLevel, defaultEngine } from './engines.ts';
import { checkFrame, damaged, frameChecksum, MAX_PACKED_SIZE, withoutChecksum } from './frame.ts';
import type { SeekEntry } from './seek-table.ts';
import { type Answer, type Job, type Order, READY, type WorkerData } from './worker.ts';

/**
 * Room for the input of one job, and a claim to its output. Whoever acquired it owns it until
 * `release`; while a job is under way both sides may read its input.
 */
export interface FrameSlot {
  /** MAX_PACKED_SIZE bytes, shared with the workers. */
  readonly input: Uint8Array<SharedArrayBuffer>;
}

interface Slot extends FrameSlot {
  /** What the last job put out is there. */
  output: ArrayBuffer | undefined;
}

/** A frame to be decompressed. */
export interface PackedFrame {
  readonly slot: FrameSlot;
  /** Its bytes: a view of `slot.input`. */
  readonly packed: Uint8Array;
  /** What it should hold. */
  readonly entry: SeekEntry;
  /** For failures: the part and the frame's offset in it. */
  readonly where: Where;
}

export interface CompressedFrame {
  /** One whole zstd frame; good until the slot is released. */
  readonly bytes: Uint8Array;
  /** Bytes of stream in it. */
  readonly length: number;
  /** The frame's own, of those. */
  readonly checksum: number;
}

/** What a whole frame holds. */
export interface PlainFrame {
  /** Its bytes of stream, good until the slot is released. */
  readonly content: Uint8Array;
  /** Their checksum, which was found right. */
  readonly checksum: number;
}

/** What became of a frame. */
export interface Examined {
  /** Its bytes of stream, good until the slot is released; absent when it can't be decompressed. */
  readonly content?: Uint8Array;
  /** `frame-damaged`; absent when it is whole. */
  readonly failure?: Failure;
}

export interface PoolOptions {
  readonly engine?: EngineName;
  /** Threads; by default as many as there are cores to be had, up to four. */
  readonly workers?: number;
  /** Cores to leave to others, by default none; there is always one thread. */
  readonly spare?: number;
  /** Aborting it fails everything under way and ends the threads. */
  readonly signal?: AbortSignal;
}

interface Pending {
  readonly job: Job;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/** One thread, with the jobs it was given and has not answered, oldest first. */
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
  /** Memory for what the next jobs put out. */
  readonly #rooms: ArrayBuffer[] = [];
  #slotsLeft: number;
  #waiting: Array<{ resolve: (slot: FrameSlot) => void; reject: (error: unknown) => void }> = [];
  /** Why nothing is taken on any more. */
  #over: { reason: unknown } | undefined;
  /** Not 0: the threads do no more jobs. */
  readonly #ended = new Int32Array(new SharedArrayBuffer(4));
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = () => this.#fail(abortReason(this.#signal));

  constructor(options: PoolOptions = {}) {
    this.engine = options.engine ?? defaultEngine();
    const cores = Math.max(1, availableParallelism() - (options.spare ?? 0));
    this.workers = options.workers ?? Math.min(cores, 4);
    // For each thread one frame in work and one next; two to read into, and one to write from.
    this.#slotsLeft = 2 * this.workers + 3;
    this.#signal = options.signal;
    if (this.#signal?.aborted) this.#over = { reason: abortReason(this.#signal) };
    else for (let i = 0; i < this.workers; i += 1) this.#threads.push(this.#start());
    this.#signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  /**
   * A slot to fill; waits until one is free.
   *
   * @throws Failure `interrupted` after an abort.
   */
  acquire(): Promise<FrameSlot> {
    if (this.#over !== undefined) return Promise.reject(this.#over.reason);
    const slot = this.#free.pop();
    if (slot !== undefined) return Promise.resolve(slot);
    if (this.#slotsLeft > 0) {
      this.#slotsLeft -= 1;
      const made: Slot = {
        input: new Uint8Array(new SharedArrayBuffer(MAX_PACKED_SIZE)),
        output: undefined,
      };
      return Promise.resolve(made);
    }
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** Gives a slot back: neither its input nor what came of it may be used any more. */
  release(slot: FrameSlot): void {
    const used = slot as Slot;
    if (used.output !== undefined) this.#rooms.push(used.output);
    used.output = undefined;
    const next = this.#waiting.shift();
    if (next === undefined) this.#free.push(slot);
    else next.resolve(slot);
  }

  /**
   * Compresses `plain`, 1 to FRAME_SIZE bytes of `slot.input`; stores them as they are when that
   * would not shrink them.
   *
   * @throws Failure `usage` for a level that the engine does not have.
   */
  async compress(slot: FrameSlot, plain: Uint8Array, level: number): Promise<CompressedFrame> {
    checkLevel(level, this.engine);
    const answer = await this.#assign(slot, { kind: 'compress', plain, level });
    if ('undecodable' in answer) throw new Error(answer.undecodable);
    const { output } = answer;
    return { bytes: output, length: plain.length, checksum: frameChecksum(output) };
  }

  /**
   * Decompresses a frame, which must hold just the bytes of stream that its entry says.
   *
   * @throws Failure `frame-damaged`, with `where` as given.
   */
  async decompress(frame: PackedFrame): Promise<PlainFrame> {
    const { content, failure } = await this.examine(frame);
    if (failure !== undefined) throw failure;
    return { content: content as Uint8Array, checksum: frame.entry.checksum };
  }

  /**
   * As {@link decompress}, for who wants to know what is left of a damaged frame: its bytes, where
   * they could be decompressed but are not those that a checksum was made of.
   */
  async examine({ slot, packed, entry, where }: PackedFrame): Promise<Examined> {
    const { length, checksum } = entry;
    try {
      checkFrame(packed, length, where);
      const answer = await this.#assign(slot, { kind: 'decompress', packed, length });
      if ('undecodable' in answer) {
        const bare = withoutChecksum(packed);
        const left = await this.#assign(slot, { kind: 'decompress', packed: bare, length });
        return 'undecodable' in left
          ? { failure: damaged(`frame is not decodable: ${left.undecodable}`, where) }
          : {
              content: left.output,
              failure: damaged('frame holds something else than its checksum says', where),
            };
      }
      const found = frameChecksum(packed);
      if (found === checksum) return { content: answer.output };
      const failure = damaged('frame has another checksum than the seek table says', {
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

  /** Ends the threads. What is still under way fails. */
  async close(): Promise<void> {
    this.#fail(new Error('the frame pool is closed'));
    await Promise.all(this.#threads.map(({ exited }) => exited));
  }

  async #assign(slot: FrameSlot, job: Job): Promise<Answer> {
    const answer = await this.#answer(job);
    if ('output' in answer) (slot as Slot).output = answer.output.buffer;
    return answer;
  }

  #answer(job: Job): Promise<Answer> {
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
    const room = this.#rooms.pop();
    const order: Order = { job, room };
    thread.worker.postMessage(order, room === undefined ? [] : [room]);
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
    worker.unref(); // only work under way keeps the process alive
    return thread;
  }

  #settle(thread: Thread): void {
    // Once it is over, the process waits for them to end.
    if (this.#over === undefined && thread.jobs.length === 0) thread.worker.unref();
  }

  /** A thread died: the job it was at fails, a new thread takes over the others. */
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
    // Not terminated: in the middle of a job that can abort the process (node_zlib.cc, "close
    // before init"). A job is short, and those that wait are passed over.
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
