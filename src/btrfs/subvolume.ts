import { constants } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { Failure } from '../failure/failure.ts';
import { isAbsence, isSystemError, systemFailure } from '../failure/system.ts';
import { joinPath, type Path, pathBytes } from '../names/path.ts';
import { printable } from '../names/printable.ts';
import { assertBtrfs } from './filesystem.ts';
import { receiveTakes, type Subvolume, subvolumePath, subvolumesOf } from './listing.ts';
import type { Mount } from './mounts.ts';
import { type SubvolumeInfo, subvolumeInfo } from './subvolume-info.ts';

export type { Subvolume };

/**
 * Lists the subvolumes of the filesystem that holds `path`, without the top level. Needs root.
 *
 * @throws {Failure} `not-found`, `not-btrfs`, `not-root`, `storage-failed`
 */
export function listSubvolumes(path: Path): Promise<Subvolume[]> {
  return asking(path, subvolumesOf);
}

/**
 * Maps each UUID to the id of the subvolume that `btrfs receive` takes for it, if there is one.
 *
 * @throws {Failure} those of {@link listSubvolumes}
 */
export function takenByReceive(
  path: Path,
  uuids: Iterable<string>,
): Promise<ReadonlyMap<string, number>> {
  return asking(path, (file) => {
    const taken = new Map<string, number>();
    for (const uuid of uuids) {
      const id = receiveTakes(file, uuid);
      if (id !== undefined) taken.set(uuid, id);
    }
    return taken;
  });
}

/**
 * Shows the subvolume at a path as it is now. Needs root.
 *
 * @throws {Failure} `not-found`, `not-btrfs`, `not-a-subvolume`, `not-root`, `storage-failed`
 */
export async function showSubvolume(path: Path): Promise<Subvolume> {
  await assertSubvolume(path);
  return asking(path, (file) => {
    const info = subvolumeInfo(file);
    const fromTop = subvolumePath(file, info.id);
    if (fromTop !== undefined) return { ...info, path: fromTop };
    throw new Failure('not-found', `subvolume ${printable(path)} is being deleted`, {
      hint: 'check that nothing deletes snapshots meanwhile',
      where: { path: printable(path) },
    });
  });
}

/**
 * Gets the records of the subvolume that holds a path, as of now.
 *
 * @throws {Failure} `not-found`, `not-btrfs`, `storage-failed`
 */
export function infoAt(path: Path): Promise<SubvolumeInfo> {
  return asking(path, subvolumeInfo);
}

/** Reports whether the subvolume at a path has this id. */
export async function isSubvolume(path: Path, id: number): Promise<boolean> {
  try {
    const { ino } = await stat(path, { bigint: true });
    return ino === SUBVOLUME_INODE && (await infoAt(path)).id === id;
  } catch (error) {
    if (isAbsence(error) || (error instanceof Failure && error.code === 'not-found')) return false;
    throw error;
  }
}

/**
 * Finds the path of a subvolume through a mount of its filesystem; null if the mount does not show
 * it. Another mount on the way may hide it.
 */
export function reachablePath(
  subvolume: Pick<Subvolume, 'path'>,
  mount: Pick<Mount, 'root' | 'mountPoint'>,
): Buffer | null {
  const full = joinPath('/', subvolume.path);
  if (mount.root.equals(full)) return mount.mountPoint;
  const root = mount.root.equals(Buffer.from('/')) ? mount.root : joinPath(mount.root, '');
  if (!full.subarray(0, root.length).equals(root)) return null;
  return joinPath(mount.mountPoint, full.subarray(root.length));
}

/** @throws {Failure} `not-found`, `not-btrfs`, `not-a-subvolume` */
export async function assertSubvolume(path: Path): Promise<void> {
  await assertBtrfs(path);
  const { ino } = await stat(path, { bigint: true });
  if (ino === SUBVOLUME_INODE) return;
  throw new Failure('not-a-subvolume', `${printable(path)} is not a btrfs subvolume`, {
    hint: `name a subvolume; those of its filesystem: btrfs subvolume list ${printable(path)}`,
    where: { path: printable(path) },
  });
}

/**
 * Inode number of the root directory of each subvolume (BTRFS_FIRST_FREE_OBJECTID,
 * linux/btrfs_tree.h).
 */
export const SUBVOLUME_INODE = 256n;

/** Makes a request of the filesystem that holds a path. */
async function asking<T>(path: Path, question: (file: number) => T): Promise<T> {
  await assertBtrfs(path);
  try {
    const handle = await open(pathBytes(path), constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      return question(handle.fd);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!isSystemError(error)) throw error;
    const doing = 'cannot ask about the subvolumes at';
    const code = isAbsence(error)
      ? 'not-found'
      : error.code === 'EPERM'
        ? 'not-root'
        : 'storage-failed';
    throw systemFailure(error, { code, doing, path: printable(path) });
  }
}
