import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Failure } from '../failure/failure.ts';
import { writing } from './failures.ts';
import { lookAt, refuseSpecial } from './lookup.ts';
import type { Lock } from './store.ts';

/**
 * Takes an exclusive lock on a file, which is made where it is not there and stays. It is an
 * open file description lock (fcntl(2)): the kernel drops it when its holder ends in any way.
 *
 * @throws `busy` when another process holds it.
 */
export async function lockFile(path: string, busy: Failure): Promise<Lock> {
  const handle = await writing(path, async () => {
    refuseSpecial(path, await lookAt(path));
    return open(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o644);
  });
  // Loaded here, since reading an archive takes no lock, and a small one less time than this.
  const { tryLock } = await import('fs-native-extensions');
  if (tryLock(handle.fd)) return { release: () => handle.close() };
  await handle.close();
  throw busy;
}
