import { lstat, rename } from 'node:fs/promises';
import { Failure } from '../failure/failure.ts';
import { isSystemError, systemFailure } from '../failure/system.ts';
import type { Identity } from '../names/identity.ts';
import { joinPath, type Path } from '../names/path.ts';
import { printable } from '../names/printable.ts';
import { adviceOn, assertStarted, btrfs, complaint } from './process.ts';
import { lookAtStanding } from './standing.ts';
import { assertSubvolume, infoAt, SUBVOLUME_INODE } from './subvolume.ts';

/** What a subvolume is to be when it was received. */
export interface Expected extends Identity {
  /** UUID of the subvolume here that it is to be made from; null where it isn't. */
  readonly parent: string | null;
}

/**
 * Syncs the filesystem and looks whether a subvolume was received completely: it is read-only,
 * bears the announced identity, was made from the parent that was meant, and nobody changed it
 * since. `btrfs receive` sets the first two only after the last command.
 *
 * @throws {Failure} `proof-failed`, saying what was seen; `not-found`, `not-a-subvolume`.
 */
export async function prove(path: Path, announced: Expected, signal?: AbortSignal): Promise<void> {
  await assertSubvolume(path);
  await syncFilesystem(path);
  const seen = await infoAt(path);
  const place = printable(path);
  const failed = (what: string, expected: string, found: string) =>
    new Failure('proof-failed', `${place} was not received completely: ${what}`, {
      where: { path: place, uuid: announced.uuid, expected, found },
    });
  const expected = `read-only, received UUID ${announced.uuid}, transid ${announced.ctransid}`;
  const found = `${seen.readOnly ? 'read-only' : 'writable'}, received UUID ${seen.receivedUuid ?? 'none'}, transid ${seen.sendTransid}`;
  if (found !== expected) {
    throw failed(`it is ${found}, and should be ${expected}`, expected, found);
  }
  if (seen.parentUuid !== announced.parent) {
    const [wanted, other] = [announced.parent ?? 'none', seen.parentUuid ?? 'none'];
    throw failed(`it was made from ${other}, and should be made from ${wanted}`, wanted, other);
  }
  const standing = await lookAtStanding(path, seen, signal);
  if (standing !== 'genuine') {
    throw failed('it was changed while it was received', 'genuine', standing);
  }
}

/**
 * Waits until all that was written to the filesystem is on its devices.
 * @throws {Failure} `storage-failed`.
 */
export async function syncFilesystem(path: Path): Promise<void> {
  await change(['filesystem', 'sync', path], 'storage-failed', 'sync');
}

/**
 * Deletes the subvolume that stands at this very path, not one that a symbolic link there leads
 * to. It need not be read-only; one that holds others is refused.
 *
 * @returns false, and nothing is done, where there is no subvolume.
 * @throws {Failure} `storage-failed`, `not-root`.
 */
export async function deleteSubvolume(path: Path): Promise<boolean> {
  const found = await lstat(path, { bigint: true }).catch(() => undefined);
  if (!found?.isDirectory() || found.ino !== SUBVOLUME_INODE) return false;
  await change(['-q', 'subvolume', 'delete', path], 'storage-failed', 'delete subvolume');
  return true;
}

/**
 * Renames a subvolume within its directory; a received one can go nowhere else. Nothing that is
 * there is replaced: a non-empty target the kernel itself refuses to replace, and only an empty
 * directory that someone makes at this very moment could be lost.
 *
 * @param from name in the directory
 * @param to name in the directory, without a slash
 * @throws {Failure} `not-found`, `not-a-subvolume`; `destination-unfit` when the name is taken.
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

async function change(args: readonly Path[], code: 'storage-failed', what: string): Promise<void> {
  const { ended } = await btrfs(args);
  assertStarted(ended);
  if (ended.exitCode === 0) return;
  const path = printable(args.at(-1) ?? '');
  const said = complaint(ended);
  throw new Failure(code, `can't ${what} ${path}: ${said}`, { ...adviceOn(said), where: { path } });
}
