import { constants } from 'node:fs';
import { access, open, stat } from 'node:fs/promises';
import { type Filesystem, filesystemAt } from '../../btrfs/filesystem.ts';
import { placeOf } from '../../btrfs/mounts.ts';
import type { Emit } from '../../events/event.ts';
import { Failure } from '../../failure/failure.ts';
import { lockPassingFile } from '../../store/directory/lock.ts';
import { unmounted } from '../unmounted.ts';
import { removeLeftovers } from './temporary.ts';

/**
 * Examines the directory to receive into.
 *
 * @returns its filesystem
 * @throws {Failure} `destination-unfit`, `not-found`, `not-btrfs`
 */
export async function examineDirectory(into: string): Promise<Filesystem> {
  await assertMounted(into);
  const filesystem = await filesystemAt(into);
  await assertDirectory(into);
  await assertWritable(into);
  return filesystem;
}

/**
 * Does work in a directory while no other import is at work in its filesystem, after removing what
 * interrupted ones left.
 *
 * @throws {Failure} `destination-busy`
 */
export async function inHeldDirectory<T>(
  into: string,
  filesystem: Filesystem,
  emit: Emit,
  work: () => Promise<T>,
): Promise<T> {
  const release = await holdDirectory(into, filesystem);
  try {
    await removeLeftovers(into, emit);
    return await work();
  } finally {
    await release();
  }
}

/**
 * Excludes other imports into a filesystem, and holds the directory open so that umount fails with
 * EBUSY instead of taking the drive away too early.
 *
 * @returns a function that ends both
 * @throws {Failure} `destination-busy`
 */
async function holdDirectory(
  into: string,
  { uuid, mount }: Filesystem,
): Promise<() => Promise<void>> {
  // Two imports into one filesystem would remove each other's subvolumes as leftovers.
  const busy = new Failure('destination-busy', 'another btrferry is importing here', {
    hint: 'wait until it has ended, then run the same command again',
    where: { path: mount.mountPoint.toString(), uuid },
  });
  const handle = await open(into);
  try {
    const lock = await lockPassingFile(`/run/btrferry-${uuid}.lock`, busy);
    return async () => {
      await handle.close();
      await lock.release();
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** A mount can be read-only, and so can a snapshot. */
async function assertWritable(path: string): Promise<void> {
  try {
    await access(path, constants.W_OK);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EROFS') throw cause;
    throw new Failure('destination-unfit', `${path} is read-only`, {
      hint: 'remount it read-write, or name a directory that is in no read-only snapshot',
      where: { path },
      cause,
    });
  }
}

async function assertDirectory(path: string): Promise<void> {
  if ((await stat(path)).isDirectory()) return;
  throw new Failure('destination-unfit', `${path} is not a directory`, {
    hint: 'name a directory to receive into',
    where: { path },
  });
}

/** Data for a drive that is not mounted must not fill the root filesystem. */
async function assertMounted(into: string): Promise<void> {
  const reason = unmounted(await placeOf(into));
  if (reason === undefined) return;
  throw new Failure('destination-unfit', reason, {
    hint: 'mount it; to stay on this filesystem, import outside of /mnt, /media and /run/media',
    where: { path: into },
  });
}
