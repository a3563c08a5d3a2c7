/** A thread that reads from a pipe. It waits in read(2), so that the main thread does not. */
import { readSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';

/** Asks the thread to fill `into` from a pipe. */
export interface Filling {
  readonly readEnd: number;
  readonly into: Uint8Array<SharedArrayBuffer>;
}

/** The answer is the number of bytes read: fewer than requested only at the end. */
parentPort?.on('message', ({ readEnd, into }: Filling) => {
  let filled = 0;
  for (let length = -1; length !== 0 && filled < into.length; filled += length) {
    length = readSync(readEnd, into, filled, into.length - filled, null);
  }
  parentPort?.postMessage(filled);
});
