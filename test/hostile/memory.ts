import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../../src/failure/failure.ts';
import type { Entry, Store } from '../../src/store/store.ts';

/** The files of an archive by their path in it. */
export type Files = ReadonlyMap<string, Uint8Array>;

export function filesOf(archive: string): Files {
  const entries = readdirSync(archive, { recursive: true, withFileTypes: true });
  return new Map(
    entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((file) => [file.slice(archive.length + 1), readFileSync(file)]),
  );
}

/** An archive in memory, to be read and not to be written. */
export function memoryStore(files: Files): Store {
  const never = () => Promise.reject(new Error('not to be written'));
  const part = (path: string, start: number, end: number) => {
    const bytes = files.get(path);
    if (bytes !== undefined && end <= bytes.length) return bytes.subarray(start, end);
    throw new Failure('read-failed', `cannot read ${path}`, { hint: 'none' });
  };
  return {
    location: 'memory',
    async list(directory) {
      const prefix = directory === '' ? '' : `${directory}/`;
      const entries = new Map<string, Entry>();
      for (const [path, bytes] of files) {
        if (!path.startsWith(prefix)) continue;
        const [name = '', below] = path.slice(prefix.length).split('/');
        const kind = below === undefined ? 'file' : 'directory';
        entries.set(name, { name, kind, length: kind === 'file' ? bytes.length : 0 });
      }
      return [...entries.values()];
    },
    async *read(path, range) {
      yield part(path, range?.start ?? 0, range?.end ?? files.get(path)?.length ?? 0);
    },
    async open(path) {
      part(path, 0, 0);
      const read = async (into: Uint8Array, offset: number) =>
        into.set(part(path, offset, offset + into.length));
      return { read, close: () => {} };
    },
    put: never,
    stage: never,
    lock: never,
    freeSpace: never,
  };
}
