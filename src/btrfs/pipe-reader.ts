import { once } from 'node:events';
import { closeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import type { Filling } from './pipe-thread.ts';

/** Reads from a pipe, in a thread of its own. */
export interface PipeReader {
  /**
   * Fills `into`, and returns the number of bytes: fewer only at the end. Call it once at a time.
   */
  fill(into: Uint8Array<SharedArrayBuffer>): Promise<number>;
  /** Stops reading after the current read, and closes the pipe. */
  close(): void;
}

/** Idle threads, kept because starting one takes as long as a small stream. */
const idle: Worker[] = [];

/** Reads from the end of a pipe, which it owns from then on. */
export function readPipe(readEnd: number): PipeReader {
  let thread: Worker | undefined = idle.pop() ?? startThread();
  let reading = false;
  let wanted = true;
  const end = () => {
    if (thread !== undefined) closeSync(readEnd);
    thread = undefined;
  };
  const release = () => {
    if (thread !== undefined) idle.push(thread);
    end();
  };
  return {
    async fill(into) {
      if (thread === undefined) return 0;
      reading = true;
      thread.ref();
      thread.postMessage({ readEnd, into } satisfies Filling);
      const answer = once(thread, 'message') as Promise<[number]>;
      answer.catch(end); // the thread is gone
      const [filled] = await answer;
      thread.unref();
      reading = false;
      if (!wanted || filled < into.length) release();
      return filled;
    },
    close() {
      wanted = false;
      if (!reading) release();
    },
  };
}

function startThread(): Worker {
  const file = createRequire(import.meta.url).resolve('#pipe-thread');
  const worker = new Worker(file, { execArgv: [] });
  worker.unref(); // only a read keeps the process alive
  return worker;
}
