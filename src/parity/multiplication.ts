import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Order, Size } from './multiply-thread.ts';

/** Inputs that the threads work on together, so that a sum is read from memory once for all of them. */
const BATCH = 4;

/** The most threads. Each has its share of the sums. */
const MOST_THREADS = 4;

/** Inputs that are gathered, or that the threads are adding. */
interface Batch {
  readonly inputs: Uint8Array;
  factors: Uint16Array[];
  done: Promise<unknown>;
}

/** A thread, and the jobs that it has not answered yet, oldest first. */
interface Thread {
  readonly worker: Worker;
  /** The first of its sums, and how many they are. */
  readonly first: number;
  readonly outputs: number;
  readonly jobs: { resolve(answer: unknown): void; reject(error: unknown): void }[];
}

/**
 * Multiplies inputs by factors and adds them up, on worker threads. An input is a column of words of
 * GF(2^16). The memory is that of the sums and of eight inputs.
 */
export class Multiplication {
  readonly #width: number;
  readonly #threads: Thread[] = [];
  readonly #batches: Batch[];
  #current = 0;
  #failure: unknown;

  /**
   * @param outputs number of sums, at least 1
   * @param width bytes of an input, a multiple of 32
   */
  constructor(outputs: number, width: number) {
    this.#width = width;
    this.#batches = [0, 1].map(() => ({
      inputs: new Uint8Array(new SharedArrayBuffer(BATCH * width)),
      factors: [],
      done: Promise.resolve(),
    }));
    const threads = Math.min(availableParallelism(), MOST_THREADS, outputs);
    const file = createRequire(import.meta.url).resolve('#multiply-thread');
    for (let at = 0; at < threads; at++) {
      const first = Math.floor((outputs * at) / threads);
      const own = Math.floor((outputs * (at + 1)) / threads) - first;
      const workerData: Size = { outputs: own, width, batch: BATCH };
      const worker = new Worker(file, { workerData, execArgv: [] });
      const thread: Thread = { worker, first, outputs: own, jobs: [] };
      worker.on('message', (answer) => thread.jobs.shift()?.resolve(answer));
      worker.on('error', (error) => this.#fail(error));
      this.#threads.push(thread);
    }
  }

  /**
   * Adds one input to the sums.
   *
   * @param fill writes the input; all bytes are zero before
   * @param factors one for each sum
   */
  async add(fill: (into: Uint8Array) => Promise<void>, factors: Uint16Array): Promise<void> {
    const batch = this.#batch;
    if (batch.factors.length === 0) await batch.done;
    const from = batch.factors.length * this.#width;
    const into = batch.inputs.subarray(from, from + this.#width);
    into.fill(0);
    await fill(into);
    batch.factors.push(factors);
    if (batch.factors.length === BATCH) this.#send();
  }

  /** Returns a sum, and begins it anew. */
  async take(output: number): Promise<Uint8Array> {
    if (this.#batch.factors.length > 0) this.#send();
    const thread = this.#threads.find(({ first, outputs }) => output < first + outputs) as Thread;
    return (await this.#ask(thread, { kind: 'take', output: output - thread.first })) as Uint8Array;
  }

  /** Ends the threads. */
  async close(): Promise<void> {
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()));
  }

  get #batch(): Batch {
    return this.#batches[this.#current] as Batch;
  }

  #send(): void {
    const batch = this.#batch;
    const { inputs, factors } = batch;
    batch.done = Promise.all(
      this.#threads.map((thread) => {
        const own = factors.map((all) => all.slice(thread.first, thread.first + thread.outputs));
        return this.#ask(thread, { kind: 'add', inputs, factors: own });
      }),
    );
    batch.done.catch(() => {}); // thrown when the batch is used again, or a sum is taken
    batch.factors = [];
    this.#current = 1 - this.#current;
  }

  #ask(thread: Thread, order: Order): Promise<unknown> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      thread.jobs.push({ resolve, reject });
      thread.worker.postMessage(order);
    });
  }

  #fail(error: unknown): void {
    this.#failure = error;
    for (const { jobs } of this.#threads) for (const { reject } of jobs.splice(0)) reject(error);
  }
}
