import { type Dirent, lstatSync, read, readdirSync, readSync, type Stats } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { promisify } from 'node:util';

/**
 * Calls that may wait for a medium. Handing a call to one of Node's I/O threads takes several times
 * as long as a call that the kernel answers from its cache. So the main thread makes calls itself
 * while the cache answers. After a call that waited, the I/O threads make the next calls: a medium
 * works better with several requests at once, and the main thread stays free.
 */

/** A call that takes longer than this waited for the medium, milliseconds. */
const CACHED_CALL = 0.1;

/** Calls that the I/O threads make before the main thread tries again. */
const THREADED_CALLS = 64;

/** Longest read on the main thread, bytes. A longer one would delay other work. */
const SHORT_READ = 64 * 1024;

let threadedCalls = 0;

async function ask<T>(now: () => T, later: () => Promise<T>): Promise<T> {
  if (threadedCalls > 0) {
    threadedCalls--;
    return later();
  }
  const begun = performance.now();
  try {
    return now();
  } finally {
    if (performance.now() - begun > CACHED_CALL) threadedCalls = THREADED_CALLS;
  }
}

/** Examines a path; does not follow a symbolic link. */
export function statsAt(path: string): Promise<Stats> {
  return ask(
    () => lstatSync(path),
    () => lstat(path),
  );
}

/** Lists a directory. */
export function entriesIn(path: string): Promise<Dirent[]> {
  return ask(
    () => readdirSync(path, { withFileTypes: true }),
    () => readdir(path, { withFileTypes: true }),
  );
}

const readLater = promisify(read);

/** Reads up to `length` bytes at `position` into a buffer; resolves to the number of bytes read. */
export function readAt(
  file: number,
  buffer: Uint8Array,
  length: number,
  position: number,
): Promise<number> {
  const later = async () => (await readLater(file, buffer, 0, length, position)).bytesRead;
  if (length > SHORT_READ) return later();
  return ask(() => readSync(file, buffer, 0, length, position), later);
}
