import { closeSync, constants, type Dirent, fstatSync, openSync } from 'node:fs';
import { lstat, open, rename, rm, statfs } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { Failure } from '../failure/failure.ts';
import { reading, writing } from './failures.ts';
import { lockFile } from './lock.ts';
import { lookAt, lookUp, refuseSpecial } from './lookup.ts';
import { entriesIn, readAt } from './medium.ts';
import { type Modes, makeDirectory, modesIn } from './modes.ts';
import { type MountGuard, mountGuard } from './mount-guard.ts';
import { components } from './path.ts';
import { openSink } from './sink.ts';
import type { ByteRange, Entry, OpenFile, Stage, Store } from './store.ts';

const READ_PIECE = 1024 * 1024;
const LOCK_FILE = '.lock';

/**
 * An archive in a directory of a mounted filesystem: ext4, btrfs, exFAT, FAT. Nothing it needs
 * is missing on FAT: no hard links, no modes, no symbolic links.
 *
 * `mode` is the one of directories that are made; left out, {@link modesIn} tells it.
 */
export function directoryStore(top: string, mode?: number): Store {
  const mount = mountGuard(top);
  let told: Promise<Modes> | undefined;
  /** Looked for when something is written. */
  const modes = () => {
    told ??= modesIn(top, mode);
    return told;
  };
  const at = async (path: string) => {
    await lookUp(top, components(path));
    return join(top, path);
  };
  /** Directories that were looked up to read in them: many files lie in one, and many in that. */
  const known = new Set<string>();

  /** Where a file lies that may be opened. */
  const toRead = async (path: string) => {
    const file = join(top, path);
    refuseSpecial(file, await lookUp(top, components(path), known));
    mount.look();
    return file;
  };

  return {
    location: top,

    async list(directory) {
      const parts = components(directory);
      const path = join(top, directory);
      try {
        if (!known.has(path)) await lookUp(top, parts, known);
        const entries = await reading(path, () => listDirectory(path));
        for (const { name, kind } of entries) if (kind === 'directory') known.add(join(path, name));
        return entries;
      } finally {
        mount.look();
      }
    },

    async *read(path, range) {
      try {
        yield* readFile(await toRead(path), range);
      } catch (error) {
        mount.look();
        throw error;
      }
    },

    async open(path) {
      const looking = async <T>(action: () => Promise<T>) => {
        try {
          return await action();
        } catch (error) {
          mount.look();
          throw error;
        }
      };
      const { read, close } = await looking(async () => openFile(await toRead(path)));
      return { read: (into, offset) => looking(() => read(into, offset)), close };
    },

    put: (path, bytes) =>
      mount.during(async () => {
        const final = await at(path);
        const directory = join(final, '..');
        const temporary = `${final}.new`;
        await writing(final, async () => {
          const { directories, files } = await modes();
          await makeDirectory(directory, directories);
          const sink = await openSink(temporary, 0, files);
          await sink.write(bytes);
          await sink.close();
          await rename(temporary, final);
          await syncDirectory(directory);
        });
      }),

    stage: (directory) =>
      mount.during(async () => {
        const path = await at(directory);
        const { directories, files } = await writing(path, modes);
        await writing(path, () => makeDirectory(path, directories));
        const left = await reading(path, () => listDirectory(path));
        return stageIn(top, path, left, mount, files);
      }),

    lock: () =>
      mount.during(async () => {
        const { directories, files } = await writing(top, modes);
        await writing(top, () => makeDirectory(top, directories));
        const file = join(top, LOCK_FILE);
        const busy = new Failure('archive-locked', `another btrferry is writing to ${top}`, {
          hint: 'wait until it has ended, then run the same command again',
          where: { file },
        });
        return lockFile(file, busy, files);
      }),

    async freeSpace() {
      const place = await nearestExisting(top);
      const { bavail, bsize } = await reading(top, () => statfs(place, { bigint: true }));
      return Number(bavail * bsize);
    },
  };
}

function stageIn(top: string, path: string, left: Entry[], mount: MountGuard, mode: number): Stage {
  return {
    left,
    async *read(file, range) {
      refuseSpecial(join(path, file), await lookAt(join(path, file)));
      yield* readFile(join(path, file), range);
    },

    write: (file, keep = 0) =>
      mount.during(() => writing(join(path, file), () => openSink(join(path, file), keep, mode))),

    remove: (file) =>
      writing(join(path, file), () => rm(join(path, file), { recursive: true, force: true })),

    publish: (directory, last, without) =>
      mount.during(async () => {
        const final = join(top, directory);
        await writing(final, async () => {
          const sink = await openSink(join(path, last.file), 0, mode);
          await sink.write(last.bytes);
          await sink.close();
          await syncDirectory(path);
          await rename(path, final);
          await syncDirectory(join(final, '..'));
          // All is there that should be: a file too many is no failure.
          if (without !== undefined) await rm(join(final, without)).catch(() => {});
        });
      }),

    discard: () => writing(path, () => rm(path, { recursive: true, force: true })),
  };
}

async function listDirectory(path: string): Promise<Entry[]> {
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
    // A writer may have renamed it since.
    return stats && { name, kind: 'file', length: stats.size };
  });
  return (await Promise.all(found)).filter((entry) => entry !== undefined);
}

/** Opens a file that was looked at: so it is in memory, and opening it does not wait. */
function openToRead(path: string): Promise<number> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW;
  return reading(path, async () => openSync(path, flags));
}

async function openFile(path: string): Promise<OpenFile> {
  const file = await openToRead(path);
  return {
    async read(into, offset) {
      for (let done = 0; done < into.length; ) {
        const rest = into.subarray(done);
        const at = offset + done;
        const bytesRead = await reading(path, () => readAt(file, rest, rest.length, at), at);
        if (bytesRead === 0) throw endsEarly(path, at, offset + into.length);
        done += bytesRead;
      }
    },
    close: () => closeSync(file),
  };
}

function endsEarly(path: string, offset: number, end: number): Failure {
  return new Failure('read-failed', `${path} ends at byte ${offset}, before byte ${end}`, {
    where: { file: path, offset },
  });
}

async function* readFile(path: string, range?: ByteRange): AsyncGenerator<Uint8Array> {
  const file = await openToRead(path);
  // Two buffers in turn: fresh ones for every piece keep the garbage collector busy.
  const buffers: Buffer[] = [];
  const readPiece = (from: number, room: number) => {
    const length = Math.min(READ_PIECE, room);
    const buffer =
      buffers.length < 2 ? Buffer.allocUnsafeSlow(length) : (buffers.shift() as Buffer);
    buffers.push(buffer);
    const bytes = readAt(file, buffer, Math.min(length, buffer.length), from);
    bytes.catch(() => {});
    return { buffer, bytes };
  };
  let next: ReturnType<typeof readPiece> | undefined;
  try {
    const end = range?.end ?? (await reading(path, async () => fstatSync(file))).size;
    let offset = range?.start ?? 0;
    // The next piece is on its way while the consumer works on this one.
    next = offset < end ? readPiece(offset, end - offset) : undefined;
    while (next !== undefined) {
      const { buffer, bytes } = next;
      const bytesRead = await reading(path, () => bytes, offset);
      if (bytesRead === 0) throw endsEarly(path, offset, end);
      offset += bytesRead;
      next = offset < end ? readPiece(offset, end - offset) : undefined;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await next?.bytes.catch(() => {});
    closeSync(file);
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

/** The directory that an archive which is not there yet will be made in. */
async function nearestExisting(path: string): Promise<string> {
  const absolute = resolve(path);
  const there = await lstat(absolute).catch(() => undefined);
  return there === undefined ? nearestExisting(dirname(absolute)) : absolute;
}
