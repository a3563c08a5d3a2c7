import { writeSync } from 'node:fs';

/** Milliseconds to wait for a reader, where a descriptor was inherited as non-blocking. */
const PATIENCE = 10;

/**
 * Writes all of `text` to a file descriptor before it returns. Streams of Node.js would queue
 * without bound what a slow reader of a pipe does not take, and lose the queue at exit.
 *
 * @throws the system error, such as EPIPE when the reader is gone
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
