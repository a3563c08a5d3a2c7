import { constants } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { lookAt, refuseSpecial } from './lookup.ts';
import { type Place, pathOf } from './place.ts';

/** Modes of the directories and files that a store makes. */
export interface Modes {
  readonly directories: number;
  readonly files: number;
}

/** New directories get the mode of this directory of the archive, so one chmod shares it. */
const MODEL = 'streams';

/** Only the owner can read an archive, because it holds files that only root can read. */
const PRIVATE = 0o700;

/**
 * Decides the modes for an archive. A `requested` mode of directories takes effect now and stays.
 * Otherwise the mode of `streams/` decides; without that directory, everything is private.
 */
export async function modesIn(top: string, requested?: number): Promise<Modes> {
  const path = join(top, MODEL);
  const model = await lstat(path).catch(() => undefined);
  const current = model?.isDirectory() ? model.mode & 0o777 : undefined;
  if (requested !== undefined && current !== undefined) await grantDirectory(path, requested);
  const directories = requested ?? (current ?? PRIVATE) | PRIVATE;
  return { directories, files: directories & 0o666 };
}

/**
 * Makes a directory and its parents. Node's recursive mkdir reports a read-only filesystem as
 * ENOENT.
 */
export async function makeDirectory(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, mode);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && (await stat(path)).isDirectory()) return;
    if (code !== 'ENOENT' || dirname(path) === path) throw error;
    await makeDirectory(dirname(path), mode);
    await makeDirectory(path, mode);
    return;
  }
  await grantDirectory(path, mode);
}

/** Opens a file. If it does not exist, makes it with this mode. */
export async function openOrMake(place: Place, access: number, mode: number): Promise<FileHandle> {
  const path = pathOf(place);
  const found = await lookAt(path);
  refuseSpecial(place, found);
  const handle = await open(path, access | constants.O_CREAT | constants.O_NOFOLLOW, mode);
  if (found === undefined) await grant(handle, mode);
  return handle;
}

async function grantDirectory(path: string, mode: number): Promise<void> {
  const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
  const handle = await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    await grant(handle, mode);
  } finally {
    await handle.close();
  }
}

/** Restores the bits that the umask removed. The set-group-ID bit stays as it is. */
async function grant(handle: FileHandle, mode: number): Promise<void> {
  const found = (await handle.stat()).mode;
  if ((found & 0o777) === mode) return;
  try {
    await handle.chmod((found & 0o7000) | mode);
  } catch (error) {
    // FAT has no modes: its mount options decide who may read.
    const { code = '' } = error as NodeJS.ErrnoException;
    if (!/^(EPERM|ENOTSUP|ENOSYS)$/.test(code)) throw error;
  }
}
