import { statSync } from 'node:fs';
import { Failure } from '../../failure/failure.ts';

/** Notices that the drive with an archive was unmounted. */
export interface MountGuard {
  /** Throws `storage-failed` if the top directory is no longer on the device that it was on. */
  check(): void;
  /** Runs an action that reads; checks afterwards, because a missing file may be no damage. */
  reading<T>(action: () => Promise<T>): Promise<T>;
  /** Runs an action that writes; checks before as well, because the write would go elsewhere. */
  writing<T>(action: () => Promise<T>): Promise<T>;
}

/** Guards the archive at `top`. An unmounted drive leaves its mount point behind. */
export function mountGuard(top: string): MountGuard {
  let device: number | undefined;
  // The top of a mounted filesystem is always in memory, so this call does not wait.
  const check = () => {
    let current: number | undefined;
    try {
      current = statSync(top).dev;
    } catch (error) {
      // The action itself reports other errors.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return;
    }
    device ??= current;
    if (current === device) return;
    throw new Failure('storage-failed', `the filesystem with ${top} is no longer mounted there`, {
      hint: 'mount it again, then run the same command again',
      where: { archive: top },
    });
  };
  const reading: MountGuard['reading'] = async (action) => {
    try {
      return await action();
    } finally {
      check();
    }
  };
  check();
  return {
    check,
    reading,
    async writing(action) {
      check();
      return reading(action);
    },
  };
}
