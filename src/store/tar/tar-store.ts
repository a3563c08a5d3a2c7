import { statSync } from 'node:fs';
import { Failure } from '../../failure/failure.ts';
import { components } from '../components.ts';
import { reading } from '../directory/failures.ts';
import { openFile, readFile } from '../directory/file.ts';
import { entriesIn } from '../entries.ts';
import type { ByteRange, OpenFile, Store } from '../store.ts';
import { readTarIndex, type TarEntry, type TarIndex } from './tar-index.ts';

/**
 * An archive in a tar file on this machine. It can be read, in any order. The first access reads all
 * headers and fails if the file is cut short.
 */
export function tarStore(location: string): Store {
  const tar = { file: location };
  let indexing: Promise<TarIndex> | undefined;
  const index = () => {
    indexing ??= readIndex(location);
    return indexing;
  };
  const entryAt = async (path: string): Promise<TarEntry> => {
    components({ archive: location, file: path });
    const entry = (await index()).get(path);
    if (entry?.kind === 'file') return entry;
    throw new Failure('read-failed', `${location} holds no file ${path}`, {
      hint: 'look for the file in another copy of the archive',
      where: { archive: location, file: path },
    });
  };

  return {
    location,
    async list(directory) {
      components({ archive: location, file: directory });
      return entriesIn(await index(), directory);
    },
    async *read(path, range) {
      const entry = await entryAt(path);
      const { start, end } = within(
        entry,
        range ?? { start: 0, end: entry.length },
        location,
        path,
      );
      yield* readFile(tar, { start: entry.offset + start, end: entry.offset + end });
    },
    async open(path) {
      const entry = await entryAt(path);
      const { read, close } = await openFile(tar);
      const readWithin: OpenFile['read'] = async (into, offset) => {
        const { start } = within(
          entry,
          { start: offset, end: offset + into.length },
          location,
          path,
        );
        await read(into, entry.offset + start);
      };
      return { read: readWithin, close };
    },
  };
}

async function readIndex(location: string): Promise<TarIndex> {
  const { size } = await reading({ file: location }, async () => statSync(location));
  const file = await openFile({ file: location });
  try {
    return await readTarIndex(location, file, size);
  } finally {
    file.close();
  }
}

function within(entry: TarEntry, range: ByteRange, archive: string, file: string): ByteRange {
  if (range.start >= 0 && range.start <= range.end && range.end <= entry.length) return range;
  throw new Failure(
    'read-failed',
    `${file} in ${archive} ends at byte ${entry.length}, before byte ${range.end}`,
    { where: { archive, file, offset: entry.length } },
  );
}
