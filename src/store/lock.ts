import { constants } from 'node:fs';
import { type FileHandle, rm } from 'node:fs/promises';
import type { Failure } from '../failure/failure.ts';
import { writing } from './failures.ts';
import { lookAt } from './lookup.ts';
import { openOrMake } from './modes.ts';
import type { Lock } from './store.ts';

/**
 * Takes an exclusive lock on a file, which is made with this mode where it is not there, and stays.
 * It is an open file description lock (fcntl(2)): the kernel drops it when its holder ends in any
 * way.
 *
 * @throws `busy` when another process holds it.
 */
export async function lockFile(path: string, busy: Failure, mode: number): Promise<Lock> {
  const handle = await locked(path, busy, mode);
  return { release: () => handle.close() };
}

/** As {@link lockFile}, with a file that is private, and is removed when the lock is released. */
export async function lockPassingFile(path: string, busy: Failure): Promise<Lock> {
  for (;;) {
    const handle = await locked(path, busy, 0o600);
    if (await liesAt(path, handle)) {
      const release = async () => {
        // While it is held: afterwards, it may be the file of another holder.
        await rm(path, { force: true }).finally(() => handle.close());
      };
      return { release };
    }
    // Its last holder has removed it since it was opened: whoever comes next locks another file.
    await handle.close();
  }
}

async function locked(path: string, busy: Failure, mode: number): Promise<FileHandle> {
  const handle = await writing(path, () => openOrMake(path, constants.O_RDWR, mode));
  // Loaded here, since reading an archive takes no lock, and a small one less time than this.
  const { tryLock } = await import('fs-native-extensions');
  if (tryLock(handle.fd)) return handle;
  await handle.close();
  throw busy;
}

async function liesAt(path: string, handle: FileHandle): Promise<boolean> {
  const [there, open] = [await lookAt(path), await handle.stat()];
  return there?.ino === open.ino && there.dev === open.dev;
}
