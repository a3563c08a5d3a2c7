import { constants, type Stats } from 'node:fs';
import {
  type FileHandle,
  lstat,
  mkdir,
  open,
  readdir,
  rename,
  rm,
  stat,
  statfs,
} from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { Failure } from '../failure/failure.ts';
import { reading, writing } from './failures.ts';
import { lockFile } from './lock.ts';
import { components } from './path.ts';
import type { ByteRange, Entry, Sink, Stage, Store } from './store.ts';

const READ_PIECE = 1024 * 1024;
const LOCK_FILE = '.lock';

/**
 * An archive in a directory of a mounted filesystem: ext4, btrfs, exFAT, FAT. Nothing it needs
 * is missing on FAT: no hard links, no modes, no symbolic links.
 */
export function directoryStore(top: string): Store {
  const mounted = mountGuard(top);
  const at = async (path: string) => {
    await refuseSymlinks(top, components(path));
    return join(top, path);
  };

  return {
    location: top,

    list: (directory) =>
      mounted(async () => {
        const path = await at(directory);
        return reading(path, () => listDirectory(path));
      }),

    async *read(path, range) {
      const file = await mounted(() => at(path));
      try {
        yield* readFile(file, range);
      } catch (error) {
        throw await mounted(async () => error);
      }
    },

    put: (path, bytes) =>
      mounted(async () => {
        const final = await at(path);
        const directory = join(final, '..');
        const temporary = `${final}.new`;
        await writing(final, async () => {
          await makeDirectory(directory);
          const sink = await openSink(temporary, 0);
          await sink.write(bytes);
          await sink.close();
          await rename(temporary, final);
          await syncDirectory(directory);
        });
      }),

    stage: (directory) =>
      mounted(async () => {
        const path = await at(directory);
        await writing(path, () => makeDirectory(path));
        const left = await reading(path, () => listDirectory(path));
        return stageIn(top, path, left, mounted);
      }),

    lock: () =>
      mounted(async () => {
        await writing(top, () => makeDirectory(top));
        const file = join(top, LOCK_FILE);
        const busy = new Failure('archive-locked', `another btrferry is writing to ${top}`, {
          hint: 'wait until it has ended, then run the same command again',
          where: { file },
        });
        return lockFile(file, busy);
      }),

    async freeSpace() {
      const place = await nearestExisting(top);
      const { bavail, bsize } = await reading(top, () => statfs(place, { bigint: true }));
      return Number(bavail * bsize);
    },
  };
}

function stageIn(top: string, path: string, left: Entry[], mounted: MountGuard): Stage {
  return {
    left,
    read: (file, range) => readFile(join(path, file), range),

    write: (file, keep = 0) =>
      mounted(() => writing(join(path, file), () => openSink(join(path, file), keep))),

    remove: (file) => writing(join(path, file), () => rm(join(path, file), { force: true })),

    publish: (directory, last, without) =>
      mounted(async () => {
        const final = join(top, directory);
        await writing(final, async () => {
          const sink = await openSink(join(path, last.file), 0);
          await sink.write(last.bytes);
          await sink.close();
          if (without !== undefined) await rm(join(path, without), { force: true });
          await syncDirectory(path);
          await rename(path, final);
          await syncDirectory(join(final, '..'));
        });
      }),

    discard: () => writing(path, () => rm(path, { recursive: true, force: true })),
  };
}

async function listDirectory(path: string): Promise<Entry[]> {
  let names: string[];
  try {
    names = await readdir(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return Promise.all(
    names.sort().map(async (name) => {
      const stats = await lstat(join(path, name));
      return { name, kind: kindOf(stats), length: stats.isFile() ? stats.size : 0 };
    }),
  );
}

function kindOf(stats: Stats): Entry['kind'] {
  if (stats.isFile()) return 'file';
  return stats.isDirectory() ? 'directory' : 'other';
}

async function* readFile(path: string, range?: ByteRange): AsyncGenerator<Uint8Array> {
  await refuseSpecial(path);
  const handle = await reading(path, () => open(path, constants.O_RDONLY | constants.O_NOFOLLOW));
  try {
    const end = range?.end ?? (await reading(path, () => handle.stat())).size;
    let offset = range?.start ?? 0;
    // Two buffers in turn: fresh ones for every piece keep the garbage collector busy.
    const buffers: Buffer[] = [];
    const readPiece = (from: number) => {
      const length = Math.min(READ_PIECE, end - from);
      const buffer =
        buffers.length < 2 ? Buffer.allocUnsafeSlow(length) : (buffers.shift() as Buffer);
      buffers.push(buffer);
      return handle.read(buffer, 0, Math.min(length, buffer.length), from);
    };
    // The next piece is on its way while the consumer works on this one.
    let next = offset < end ? readPiece(offset) : undefined;
    next?.catch(() => {});
    while (next !== undefined) {
      const pending = next;
      const { bytesRead, buffer } = await reading(path, () => pending, offset);
      if (bytesRead === 0) {
        throw new Failure('read-failed', `${path} ends at byte ${offset}, before byte ${end}`, {
          where: { file: path, offset },
        });
      }
      offset += bytesRead;
      next = offset < end ? readPiece(offset) : undefined;
      next?.catch(() => {});
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}

async function openSink(path: string, keep: number): Promise<Sink> {
  await refuseSpecial(path);
  const handle = await open(
    path,
    constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW,
    0o644,
  );
  await handle.truncate(keep);
  return sinkOn(handle, path, keep);
}

function sinkOn(handle: FileHandle, path: string, start: number): Sink {
  let length = start;
  return {
    write: (bytes) =>
      writing(path, async () => {
        let done = 0;
        while (done < bytes.length) {
          const { bytesWritten } = await handle.write(
            bytes,
            done,
            bytes.length - done,
            length + done,
          );
          done += bytesWritten;
        }
        length += bytes.length;
      }),
    sync: () => writing(path, () => handle.datasync()),
    close: () =>
      writing(path, async () => {
        try {
          await handle.sync();
          const { size } = await handle.stat();
          if (size !== length) {
            throw new Failure(
              'storage-failed',
              `${path} is ${size} bytes after writing ${length}`,
              {
                hint: 'do not trust this medium',
                where: { file: path, expected: String(length), found: String(size) },
              },
            );
          }
        } finally {
          await handle.close();
        }
      }),
    abandon: () => handle.close().catch(() => {}),
  };
}

/** Also those above it. Node's own way reports a read-only filesystem as ENOENT. */
async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && (await stat(path)).isDirectory()) return;
    if (code !== 'ENOENT' || dirname(path) === path) throw error;
    await makeDirectory(dirname(path));
    await makeDirectory(path);
  }
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

type MountGuard = <T>(action: () => Promise<T>) => Promise<T>;

/**
 * Looks before and after each action whether a path still leads to the device that it first led
 * to. A drive that is unmounted leaves a directory behind, and what is written there is lost to
 * the archive; what isn't found there is not damage.
 */
function mountGuard(top: string): MountGuard {
  let device: bigint | undefined;
  const look = async () => {
    const found = await stat(top, { bigint: true }).catch((error) => error);
    // Of other errors, the action itself tells.
    if (found instanceof Error && !('code' in found && found.code === 'ENOENT')) return;
    const here = found instanceof Error ? undefined : (found.dev as bigint);
    device ??= here;
    if (here === device) return;
    throw new Failure('storage-failed', `the filesystem with ${top} is no longer mounted there`, {
      hint: 'mount it again, then run the same command again',
      where: { file: top },
    });
  };
  return async (action) => {
    await look();
    try {
      return await action();
    } finally {
      await look();
    }
  };
}

/** The directory that an archive which is not there yet will be made in. */
async function nearestExisting(path: string): Promise<string> {
  const absolute = resolve(path);
  const there = await lstat(absolute).catch(() => undefined);
  return there === undefined ? nearestExisting(dirname(absolute)) : absolute;
}

/** Opening a named pipe waits for its other end, and opening a device can do anything. */
async function refuseSpecial(path: string): Promise<void> {
  const stats = await lstat(path).catch(() => undefined);
  if (stats === undefined || stats.isFile() || stats.isSymbolicLink()) return;
  throw new Failure('read-failed', `${path} is no regular file`, {
    hint: 'this was not made by btrferry; do not trust it',
    where: { file: path },
  });
}

/** No component of a path below the archive's top may be a symbolic link. */
async function refuseSymlinks(top: string, parts: readonly string[]): Promise<void> {
  let path = top;
  for (const part of parts) {
    path = join(path, part);
    const stats = await lstat(path).catch(() => undefined);
    if (stats === undefined) return;
    if (stats.isSymbolicLink()) {
      throw new Failure('read-failed', `${path} is a symbolic link, which no archive holds`, {
        hint: 'this was not made by btrferry; do not trust it',
        where: { file: path },
      });
    }
  }
}
