import { constants } from 'node:fs';
import { type FileHandle, rm } from 'node:fs/promises';
import type { Failure } from '../../failure/failure.ts';
import type { Lock } from '../store.ts';
import { writing } from './failures.ts';
import { lookAt } from './lookup.ts';
import { openOrMake } from './modes.ts';
import type { Place } from './place.ts';

/**
 * Takes an exclusive lock on a file. If the file does not exist, makes it with this mode; it stays.
 * This is an open file description lock (fcntl(2)), which the kernel drops when its holder ends in
 * any way, so it is never lost before.
 *
 * @throws `busy` if another process holds it
 */
export async function lockFile(place: Place, busy: Failure, mode: number): Promise<Lock> {
  const handle = await locked(place, busy, mode);
  return { lost: NEVER, release: () => handle.close() };
}

/** Takes a lock as {@link lockFile} does, on a private file that disappears when it is released. */
export async function lockPassingFile(path: string, busy: Failure): Promise<Lock> {
  for (;;) {
    const handle = await locked({ file: path }, busy, 0o600);
    if (await isAt(path, handle)) {
      const release = async () => {
        // Remove it before the lock ends: afterwards it may belong to another holder.
        await rm(path, { force: true }).finally(() => handle.close());
      };
      return { lost: NEVER, release };
    }
    // Its last holder removed it after it was opened here, and the next one locks another file.
    await handle.close();
  }
}

const NEVER = new AbortController().signal;

async function locked(place: Place, busy: Failure, mode: number): Promise<FileHandle> {
  const handle = await writing(place, () => openOrMake(place, constants.O_RDWR, mode));
  // Imported here, because commands that only read take no lock and start faster without it.
  const { tryLock } = await import('fs-native-extensions');
  if (tryLock(handle.fd)) return handle;
  await handle.close();
  throw busy;
}

async function isAt(path: string, handle: FileHandle): Promise<boolean> {
  const [found, opened] = [await lookAt(path), await handle.stat()];
  return found?.ino === opened.ino && found.dev === opened.dev;
}
