import { deleteSubvolume, freezeCopy, syncFilesystem } from '../../btrfs/change.ts';
import { type Filesystem, filesystemAt } from '../../btrfs/filesystem.ts';
import { flagsIn } from '../../btrfs/flags.ts';
import { assertSubvolume, infoAt, SUBVOLUME_INODE } from '../../btrfs/subvolume.ts';
import { Failure } from '../../failure/failure.ts';
import { stateOf } from '../../names/identity.ts';
import { printable } from '../../names/printable.ts';
import { shellWord } from '../../names/shell.ts';
import type { StateRecord } from '../../names/state.ts';
import type { Entry } from '../../tree/entry.ts';
import { assertNothingMounted } from '../fingerprint/subject.ts';
import { temporaryName } from '../import/temporary.ts';

/** A read-only subvolume with the contents of a copy. */
export interface FrozenCopy {
  readonly path: string;
  readonly state: StateRecord;
  /** Removes it if it was made for this run. */
  readonly release: () => Promise<void>;
}

/**
 * Checks that a copy can be adopted into a directory.
 *
 * @throws {Failure} `not-found`, `not-btrfs`, `not-a-subvolume`, `destination-unfit`, `not-genuine`
 */
export async function assertAdoptable(
  copy: string,
  into: string,
  { uuid }: Filesystem,
): Promise<void> {
  await assertSubvolume(copy);
  const { uuid: other } = await filesystemAt(copy);
  if (other !== uuid) {
    throw new Failure('destination-unfit', `${copy} and ${into} are on different filesystems`, {
      hint: 'name a directory on the filesystem of the copy: --into',
      where: { path: copy, expected: uuid, found: other },
    });
  }
  await assertNothingMounted(copy);
  // A snapshot with such a top could be neither renamed nor deleted.
  await syncFilesystem(copy);
  const flags = await flagsIn(copy);
  try {
    if (flags.of(SUBVOLUME_INODE).immutable) throw immutable(copy, copy);
  } finally {
    flags.close();
  }
}

/**
 * Makes a snapshot of a copy, so that nothing changes it while it is compared. A read-only copy that
 * was never received is taken as it is.
 *
 * @param uuid of the snapshot that it is compared with
 */
export async function frozen(
  copy: string,
  into: string,
  uuid: string,
  filesystem: Filesystem,
): Promise<FrozenCopy> {
  const info = await infoAt(copy);
  if (info.readOnly && info.receivedUuid === null) {
    return { path: copy, state: stateOf(filesystem.uuid, info), release: async () => {} };
  }
  const path = `${into}/${temporaryName(uuid)}`;
  const release = async () => void (await deleteSubvolume(path).catch(() => {}));
  try {
    await freezeCopy(copy, path);
    return { path, state: stateOf(filesystem.uuid, await infoAt(path)), release };
  } catch (error) {
    await release();
    throw error;
  }
}

/** Checks that a frozen copy is in the state that was compared. */
export async function assertStillFrozen({ path, state }: FrozenCopy): Promise<void> {
  const { readOnly, ctransid } = await infoAt(path);
  if (readOnly && String(ctransid) === state.ctransid) return;
  throw new Failure('destination-unfit', `${path} was changed while it was compared`, {
    hint: 'leave it read-only, or name a writable subvolume: a snapshot is made of that',
    where: { path },
  });
}

/**
 * Passes the entries of a copy on. Refuses those for which an increment could not be received: one
 * that nobody may change, and a file that the kernel would not clone into a new file at the top,
 * because one of them has checksums and the other has not. Even the smallest file can be cloned if
 * it has an extent at the source.
 *
 * @throws {Failure} `destination-unfit`
 */
export async function* usable(
  entries: AsyncIterable<Entry>,
  copy: string,
): AsyncGenerator<Entry, void, undefined> {
  let bare = false;
  for await (const entry of entries) {
    const shown = `${copy}/${printable(entry.path)}`;
    if ('immutable' in entry && entry.immutable === true) throw immutable(shown, copy);
    if (entry.kind === 'directory' && entry.path.length === 0) bare = entry.nocow === true;
    if (entry.kind === 'file' && entry.size > 0 && (entry.nocow === true) !== bare) {
      throw otherChecksums(shown, bare);
    }
    yield entry;
  }
}

function otherChecksums(path: string, bare: boolean): Failure {
  const what = bare
    ? 'has checksums, and new files in the copy get none'
    : 'has no checksums, and new files in the copy get them';
  return new Failure('destination-unfit', `${path} ${what}`, {
    hint: 'btrfs could not clone from it, and increments may have to. A file keeps what it got when it was made, by chattr +C of its directory or a mount with nodatasum or nodatacow: set these for all alike, then copy the file anew with cp --reflink=never',
    where: { path },
  });
}

function immutable(path: string, copy: string): Failure {
  return new Failure('destination-unfit', `${path} cannot be changed, so no increment could be`, {
    hint: `take the flags away (fs-verity stays: copy such a file anew): chattr -R -f -i -a ${shellWord(Buffer.from(copy))}`,
    where: { path },
  });
}

/** The failure of a copy that holds a subvolume, which is an empty directory in a snapshot of it. */
export function nestedFailure(copy: string, path: Buffer): Failure {
  const shown = `${copy}/${printable(path)}`;
  return new Failure('destination-unfit', `${shown} is a subvolume of its own`, {
    hint: `move it out of the copy, or make its contents part of the copy: cp -a --reflink ${shown} ${shown}.new`,
    where: { path: shown },
  });
}
