import { type BigIntStatsFs, constants, type Dirent } from 'node:fs';
import { open, readFile, statfs } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Entry } from '../store.ts';
import { lookAt } from './lookup.ts';
import { entriesIn } from './medium.ts';

/** Lists a directory in the order of names. A directory that does not exist is empty. */
export async function listDirectory(path: string): Promise<Entry[]> {
  let entries: Dirent[];
  try {
    entries = await entriesIn(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  const found = entries.map(async (entry): Promise<Entry | undefined> => {
    const { name } = entry;
    if (entry.isDirectory()) return { name, kind: 'directory', length: 0 };
    if (!entry.isFile()) return { name, kind: 'other', length: 0 };
    const stats = await lookAt(join(path, name));
    // A writer may have renamed the file meanwhile.
    return stats && { name, kind: 'file', length: stats.size };
  });
  return (await Promise.all(found)).filter((entry) => entry !== undefined);
}

/** Makes renames and new files in a directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * The free space, in bytes, for a directory that need not exist yet; undefined if the filesystem does
 * not tell: some in FUSE and on a network report that they have no blocks at all.
 */
export async function freeSpaceFor(path: string): Promise<number | undefined> {
  const { blocks, bavail, bsize } = await filesystemFor(path);
  return blocks === 0n ? undefined : Number(bavail * bsize);
}

/** Types of mounts of FAT, by the kernel and by FUSE, as /proc/self/mountinfo has them. */
const FAT: ReadonlySet<string> = new Set(['vfat', 'msdos', 'umsdos', 'fuse.fusefat']);

/** The largest file on FAT, bytes. */
const FAT_LIMIT = 2 ** 32 - 1;

/**
 * The largest file, in bytes, that a directory takes, which need not exist yet: by the type of its
 * mount, and by the limit of this process (`ulimit -f`).
 */
export async function maxFileSizeIn(path: string): Promise<number> {
  const type = await nearestExisting(path, mountTypeOf);
  const limit = type !== undefined && FAT.has(type) ? FAT_LIMIT : Number.POSITIVE_INFINITY;
  return Math.min(limit, await processLimit());
}

/** RLIMIT_FSIZE of getrlimit(2), bytes: a write beyond it fails. */
async function processLimit(): Promise<number> {
  const limits = await readFile('/proc/self/limits', 'latin1').catch(() => '');
  const soft = /^Max file size +(\d+)/m.exec(limits)?.[1];
  return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
}

/** The type of the mount that holds a path; undefined in a chroot, where the kernel hides mounts. */
async function mountTypeOf(path: string): Promise<string | undefined> {
  const oPath = 0o10000000;
  const handle = await open(path, oPath);
  try {
    const info = await readFile(`/proc/self/fdinfo/${handle.fd}`, 'latin1');
    const id = /^mnt_id:\s*(\d+)$/m.exec(info)?.[1];
    const mounts = (await readFile('/proc/self/mountinfo', 'latin1')).split('\n');
    // Format: proc(5). The type follows the dash after the optional fields.
    return mounts
      .find((line) => line.startsWith(`${id} `))
      ?.split(' - ')[1]
      ?.split(' ')[0];
  } finally {
    await handle.close();
  }
}

function filesystemFor(path: string): Promise<BigIntStatsFs> {
  return nearestExisting(path, (existing) => statfs(existing, { bigint: true }));
}

/** Examines a path, or the closest directory above it that exists. */
async function nearestExisting<T>(path: string, examine: (path: string) => Promise<T>): Promise<T> {
  try {
    return await examine(path);
  } catch (error) {
    const above = dirname(resolve(path));
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || above === path) throw error;
    return nearestExisting(above, examine);
  }
}
