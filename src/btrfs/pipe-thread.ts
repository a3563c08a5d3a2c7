/** The thread that reads from a pipe: waits in read(2), so that its main thread need not. */
import { readSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';

/** Fill `into` from the pipe whose end to read from is `readEnd`. */
export interface Filling {
  readonly readEnd: number;
  readonly into: Uint8Array<SharedArrayBuffer>;
}

/** Answers how many bytes were read: fewer than asked for at the end. */
parentPort?.on('message', ({ readEnd, into }: Filling) => {
  let filled = 0;
  for (let length = -1; length !== 0 && filled < into.length; filled += length) {
    length = readSync(readEnd, into, filled, into.length - filled, null);
  }
  parentPort?.postMessage(filled);
});
