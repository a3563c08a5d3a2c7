import { statSync } from 'node:fs';
import { Failure } from '../failure/failure.ts';

export interface MountGuard {
  /** Throws `storage-failed` when the path no longer leads to the device that it first led to. */
  look(): void;
  /** Looks before and after an action that writes. */
  during<T>(action: () => Promise<T>): Promise<T>;
}

/**
 * A drive that is unmounted leaves a directory behind: what isn't found there is not damage, so a
 * look follows all that is looked for; what is written there is lost to the archive, so a look
 * goes before it, too.
 */
export function mountGuard(top: string): MountGuard {
  let device: number | undefined;
  // Without waiting: the top of a mounted filesystem is in memory.
  const look = () => {
    let here: number | undefined;
    try {
      here = statSync(top).dev;
    } catch (error) {
      // Of other errors, the action itself tells.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return;
    }
    device ??= here;
    if (here === device) return;
    throw new Failure('storage-failed', `the filesystem with ${top} is no longer mounted there`, {
      hint: 'mount it again, then run the same command again',
      where: { file: top },
    });
  };
  const during: MountGuard['during'] = async (action) => {
    look();
    try {
      return await action();
    } finally {
      look();
    }
  };
  look();
  return { look, during };
}
