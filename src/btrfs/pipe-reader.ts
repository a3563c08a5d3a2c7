import { once } from 'node:events';
import { closeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import type { Filling } from './pipe-thread.ts';

/** Reads from a pipe, in a thread of its own. */
export interface PipeReader {
  /**
   * Fills `into` and resolves to how many bytes were written there: all of it, or fewer at the
   * end. One at a time.
   */
  fill(into: Uint8Array<SharedArrayBuffer>): Promise<number>;
  /** Reads no further than what is being read, and closes the pipe. */
  close(): void;
}

/** Threads that read from nothing; starting one takes as long as a small stream. */
const idle: Worker[] = [];

/** Takes over the end to read from. */
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
  worker.unref(); // only a read under way keeps the process alive
  return worker;
}
