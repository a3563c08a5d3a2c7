import { constants } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { lookAt, refuseSpecial } from './lookup.ts';

/** The modes of what is made in an archive. */
export interface Modes {
  readonly directories: number;
  readonly files: number;
}

/** A directory of the archive: all that is new gets its mode, so that one chmod shares it. */
const MODEL = 'streams';

/** An archive holds what only root can read. */
const PRIVATE = 0o700;

/**
 * The modes of what will be made in the archive at `top`. `asked`, the mode of directories, holds
 * from now on. Without it, the mode of `streams/` decides; and without that one, all is private.
 */
export async function modesIn(top: string, asked?: number): Promise<Modes> {
  const path = join(top, MODEL);
  const model = await lstat(path).catch(() => undefined);
  const there = model?.isDirectory() ? model.mode & 0o777 : undefined;
  if (asked !== undefined && there !== undefined) await grantDirectory(path, asked);
  const directories = asked ?? (there ?? PRIVATE) | PRIVATE;
  return { directories, files: directories & 0o666 };
}

/** Makes a directory, and those above it. Node's own way reports a read-only filesystem as ENOENT. */
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

/** Opens a file, which is made with this mode where it is not there. */
export async function openOrMake(path: string, access: number, mode: number): Promise<FileHandle> {
  const found = await lookAt(path);
  refuseSpecial(path, found);
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

/** The umask took from the mode. The bit that hands a group on stays as it is. */
async function grant(handle: FileHandle, mode: number): Promise<void> {
  const found = (await handle.stat()).mode;
  if ((found & 0o777) === mode) return;
  try {
    await handle.chmod((found & 0o7000) | mode);
  } catch (error) {
    // FAT has no modes. Who mounts it says who may read it.
    const { code = '' } = error as NodeJS.ErrnoException;
    if (!/^(EPERM|ENOTSUP|ENOSYS)$/.test(code)) throw error;
  }
}
