import { lstat, rename } from 'node:fs/promises';
import { Failure } from '../failure/failure.ts';
import { isSystemError, systemFailure } from '../failure/system.ts';
import { joinPath, type Path } from '../names/path.ts';
import { printable } from '../names/printable.ts';
import { complaint } from '../process/program.ts';
import { adviceOn, assertStarted, btrfs } from './command.ts';
import { assertSubvolume, SUBVOLUME_INODE } from './subvolume.ts';

/**
 * Waits until everything that was written to the filesystem is on its devices.
 *
 * @throws {Failure} `storage-failed`
 */
export async function syncFilesystem(path: Path): Promise<void> {
  await change(['filesystem', 'sync', path], 'storage-failed', 'sync');
}

/**
 * Deletes the subvolume at a path, which may be read-only or writable. Does not follow a symbolic
 * link at the end of the path.
 *
 * @returns false if there is no subvolume
 * @throws {Failure} `storage-failed`, also if it holds other subvolumes; `not-root`
 */
export async function deleteSubvolume(path: Path): Promise<boolean> {
  const found = await lstat(path, { bigint: true }).catch(() => undefined);
  if (!found?.isDirectory() || found.ino !== SUBVOLUME_INODE) return false;
  await change(['-q', 'subvolume', 'delete', path], 'storage-failed', 'delete subvolume');
  return true;
}

/**
 * Makes a writable snapshot.
 *
 * @param to path that does not exist
 * @throws {Failure} `storage-failed`, `not-root`
 */
export async function writableSnapshot(from: Path, to: Path): Promise<void> {
  await change(['-q', 'subvolume', 'snapshot', from, to], 'storage-failed', 'make snapshot');
}

/**
 * Makes a read-only snapshot that bears no received UUID, whatever it is a snapshot of.
 *
 * @param to path that does not exist
 * @throws {Failure} `storage-failed`, `not-root`
 */
export async function freezeCopy(from: Path, to: Path): Promise<void> {
  // The kernel lets a read-only snapshot inherit the received UUID, and a writable one not.
  await writableSnapshot(from, to);
  await change(['property', 'set', to, 'ro', 'true'], 'storage-failed', 'freeze', to);
}

/**
 * Renames a subvolume within its directory, because the kernel moves a read-only one nowhere else.
 * Replaces nothing: the kernel refuses to replace a directory that is not empty, so all that could
 * be lost is an empty directory that someone makes between the check and the rename.
 *
 * @param from name in the directory
 * @param to name in the directory, without a slash
 * @throws {Failure} `not-found`, `not-a-subvolume`; `destination-unfit` if the name is taken
 */
export async function renameSubvolume(directory: Path, from: Path, to: Path): Promise<void> {
  const target = joinPath(directory, to);
  const source = joinPath(directory, from);
  await assertSubvolume(source);
  const taken = new Failure('destination-unfit', `${printable(target)} exists already`, {
    hint: 'move or delete what is there, then give the same command again',
    where: { path: printable(target) },
  });
  const exists = await lstat(target).then(
    () => true,
    () => false,
  );
  if (exists) throw taken;
  try {
    await rename(source, target);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOTEMPTY' || code === 'EEXIST' || code === 'ENOTDIR') throw taken;
    if (!isSystemError(cause)) throw cause;
    const attempt = { code: 'storage-failed', doing: 'cannot rename to' } as const;
    throw systemFailure(cause, { ...attempt, path: printable(target) });
  }
}

async function change(
  args: readonly Path[],
  code: 'storage-failed',
  what: string,
  at: Path = args.at(-1) ?? '',
): Promise<void> {
  const { ended } = await btrfs(args);
  assertStarted(ended);
  if (ended.exitCode === 0) return;
  const path = printable(at);
  const said = complaint(ended);
  throw new Failure(code, `can't ${what} ${path}: ${said}`, { ...adviceOn(said), where: { path } });
}
