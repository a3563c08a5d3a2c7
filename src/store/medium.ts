import { type Dirent, lstatSync, read, readdirSync, readSync, type Stats } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { promisify } from 'node:util';

/**
 * The calls that may wait for a medium. The way to one of Node's threads for files and back takes
 * several times as long as a call that the kernel answers from memory. So this thread calls by
 * itself for as long as that is what happens. Once it had to wait, it leaves the next calls to the
 * threads: a medium at work does better with several at once, and nothing else waits for it.
 */

/** Milliseconds after which an answer did not come from memory. */
const AT_ONCE = 0.1;

/** How many calls are left to the threads before it is tried again. */
const LEFT = 64;

/** Bytes that are read at once at most: more would keep this thread from other work. */
const SMALL = 64 * 1024;

let left = 0;

async function ask<T>(now: () => T, later: () => Promise<T>): Promise<T> {
  if (left > 0) {
    left--;
    return later();
  }
  const begun = performance.now();
  try {
    return now();
  } finally {
    if (performance.now() - begun > AT_ONCE) left = LEFT;
  }
}

/** What lies at a path itself. */
export function statsAt(path: string): Promise<Stats> {
  return ask(
    () => lstatSync(path),
    () => lstat(path),
  );
}

/** What lies in a directory. */
export function entriesIn(path: string): Promise<Dirent[]> {
  return ask(
    () => readdirSync(path, { withFileTypes: true }),
    () => readdir(path, { withFileTypes: true }),
  );
}

const readLater = promisify(read);

/** Reads up to `length` bytes into a buffer, from `position` on; resolves to how many. */
export function readAt(
  file: number,
  buffer: Uint8Array,
  length: number,
  position: number,
): Promise<number> {
  const later = async () => (await readLater(file, buffer, 0, length, position)).bytesRead;
  if (length > SMALL) return later();
  return ask(() => readSync(file, buffer, 0, length, position), later);
}
