import { closeSync, openSync, write } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Failure } from '../failure/failure.ts';
import { assertNotInterrupted, complaint, type Ended, start } from '../process/program.ts';

/**
 * A pipe(2) with blocking ends. Node.js gives a child a socket instead, which only the main thread
 * can serve, and which stalls while that is busy. The owner of an end closes it once. No other
 * program inherits it.
 */
export interface Pipe {
  /** File descriptors. */
  readonly readEnd: number;
  readonly writeEnd: number;
}

/** The directory for files that live as long as a process. Only root can write there. */
const RUN = '/run';

/**
 * Makes a FIFO, because Node.js has no pipe(2), and removes its name at once.
 *
 * @throws {Failure} `interrupted`, `storage-failed`
 */
export async function openPipe(): Promise<Pipe> {
  const directory = await mkdtemp(join(RUN, 'btrferry-'));
  try {
    const path = join(directory, 'pipe');
    const ended = await start('mkfifo', [path], { stdout: 'ignore' }).ended;
    assertNotInterrupted(ended);
    if (ended.exitCode !== 0) throw noPipe(ended);
    // Opening one end would wait for the other.
    const both = openSync(path, 'r+');
    const pipe = { readEnd: openSync(path, 'r'), writeEnd: openSync(path, 'w') };
    closeSync(both);
    return pipe;
  } finally {
    await rm(directory, { recursive: true });
  }
}

function noPipe(ended: Ended): Failure {
  if (!ended.missing)
    return new Failure('storage-failed', `no pipe in ${RUN}: ${complaint(ended)}`);
  return new Failure('storage-failed', 'the program mkfifo is not installed', {
    hint: 'install it: apt install coreutils',
  });
}

/**
 * Writes all bytes from a thread of libuv. The caller may reuse the buffer when the promise
 * resolves.
 *
 * @returns false if nobody reads any more
 */
export async function writeAll(writeEnd: number, bytes: Uint8Array): Promise<boolean> {
  try {
    for (let at = 0; at < bytes.length; ) {
      at += (await writing(writeEnd, bytes, at, bytes.length - at)).bytesWritten;
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error;
    return false;
  }
  return true;
}

const writing = promisify(write);
