import { type BigIntStatsFs, constants, type Dirent } from 'node:fs';
import { open, statfs } from 'node:fs/promises';
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

/** The free space, in bytes, for a directory that need not exist yet. */
export async function freeSpaceFor(path: string): Promise<number> {
  const { bavail, bsize } = await filesystemFor(path);
  return Number(bavail * bsize);
}

/** MSDOS_SUPER_MAGIC, statfs(2): FAT, mounted by the kernel. */
const FAT = 0x4d44n;

/** The largest file, in bytes, that a directory takes, which need not exist yet. */
export async function maxFileSizeIn(path: string): Promise<number> {
  const { type } = await filesystemFor(path);
  return type === FAT ? 2 ** 32 - 1 : Number.POSITIVE_INFINITY;
}

async function filesystemFor(path: string): Promise<BigIntStatsFs> {
  try {
    return await statfs(path, { bigint: true });
  } catch (error) {
    const above = dirname(resolve(path));
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || above === path) throw error;
    return filesystemFor(above);
  }
}
