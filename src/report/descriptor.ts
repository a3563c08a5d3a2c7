import { writeSync } from 'node:fs';

/** Milliseconds to wait for a reader of a non-blocking descriptor. */
const PATIENCE = 10;

/**
 * Writes all of `text` to a file descriptor before it returns. A stream of Node.js would queue
 * without bound what a slow reader does not take, and lose the queue at exit.
 *
 * @throws the system error, such as EPIPE if the reader is gone
 */
export function writeAll(descriptor: number, text: string): void {
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(descriptor, rest));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PATIENCE);
    }
  }
}
