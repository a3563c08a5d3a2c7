import { rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Failure } from '../../failure/failure.ts';
import { components } from '../components.ts';
import type { WritableStore } from '../store.ts';
import { freeSpaceFor, listDirectory, maxFileSizeIn, syncDirectory } from './directories.ts';
import { reading, writing } from './failures.ts';
import { openFile, readFile } from './file.ts';
import { lockFile } from './lock.ts';
import { lookUp, refuseSpecial } from './lookup.ts';
import { type Modes, makeDirectory, modesIn } from './modes.ts';
import { mountGuard } from './mount-guard.ts';
import { pathOf } from './place.ts';
import { openReplacement } from './sink.ts';
import { stageIn } from './stage.ts';

const LOCK_FILE = '.lock';

/**
 * An archive in a directory of a mounted filesystem, such as ext4, btrfs, exFAT or FAT. It needs no
 * hard links, modes or symbolic links, which FAT lacks.
 *
 * @param mode of the directories that it makes; by default {@link modesIn} decides
 */
// Long: its methods share the guard of the mount, the modes, and the directories it knows.
export function directoryStore(top: string, mode?: number): WritableStore {
  const mount = mountGuard(top);
  const at = (file: string) => ({ archive: top, file });
  /** Directories that were examined, because many files lie in each. */
  const known = new Set<string>();

  /** The place of a file, after examining the way to it. */
  const examined = async (file: string) => {
    const place = at(file);
    refuseSpecial(place, await lookUp(place, known));
    mount.check();
    return place;
  };

  let decided: Promise<Modes> | undefined;
  /** Decides the modes when something is written for the first time. */
  const modes = () => {
    decided ??= modesIn(top, mode);
    return decided;
  };
  /** Makes the directory of a place that is about to be written; returns the mode of files. */
  const prepare = async (directory: string) => {
    const { directories, files } = await modes();
    await makeDirectory(directory, directories);
    return files;
  };

  return {
    location: top,

    list: (directory) =>
      mount.reading(async () => {
        const place = at(directory);
        const path = pathOf(place);
        components(place);
        if (!known.has(path)) await lookUp(place, known);
        const entries = await reading(place, () => listDirectory(path));
        for (const { name, kind } of entries) if (kind === 'directory') known.add(join(path, name));
        return entries;
      }),

    async *read(path, range) {
      try {
        yield* readFile(await examined(path), range);
      } catch (error) {
        mount.check();
        throw error;
      }
    },

    async open(path) {
      const { read, close } = await mount.reading(async () => openFile(await examined(path)));
      return { read: (into, offset) => mount.reading(() => read(into, offset)), close };
    },

    create: (path) =>
      mount.writing(async () => {
        const place = at(path);
        await lookUp(place);
        return writing(place, async () => {
          const files = await prepare(dirname(pathOf(place)));
          const sink = await openReplacement(place, files);
          return { ...sink, close: () => mount.writing(sink.close) };
        });
      }),

    remove: (path) =>
      mount.writing(async () => {
        await lookUp(at(path));
        await writing(at(path), () => rm(join(top, path), { recursive: true, force: true }));
      }),

    unpublish: ({ draft, directory }) =>
      mount.writing(async () => {
        await lookUp(at(directory));
        await lookUp(at(draft));
        await writing(at(directory), async () => {
          const [hidden, path] = [join(top, draft), join(top, directory)];
          // An interrupted removal may have left something there.
          await rm(hidden, { recursive: true, force: true });
          await rename(path, hidden);
          await syncDirectory(dirname(path));
          await rm(hidden, { recursive: true, force: true });
        });
      }),

    stage: ({ draft, directory }) =>
      mount.writing(async () => {
        const place = at(draft);
        components(at(directory));
        await lookUp(place);
        const files = await writing(place, () => prepare(pathOf(place)));
        const leftovers = await reading(place, () => listDirectory(pathOf(place)));
        return stageIn(place, directory, leftovers, mount, files);
      }),

    lock: () =>
      mount.writing(async () => {
        const files = await writing(at(''), () => prepare(top));
        const busy = new Failure('archive-locked', `another btrferry is writing to ${top}`, {
          hint: 'wait until it has ended, then run the same command again',
          where: at(LOCK_FILE),
        });
        return lockFile(at(LOCK_FILE), busy, files);
      }),

    maxFileSize: () => reading(at(''), () => maxFileSizeIn(top)),

    freeSpace: () => reading(at(''), () => freeSpaceFor(top)),
  };
}
