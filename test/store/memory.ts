import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../../src/failure/failure.ts';
import { components } from '../../src/store/components.ts';
import type { Entry, Sink, Stage, StagePlace, WritableStore } from '../../src/store/store.ts';

/** The files of an archive by their path in it. */
export type Files = ReadonlyMap<string, Uint8Array>;

/** Reads an archive in a directory into memory. */
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

export interface MemoryStore extends WritableStore {
  readonly files: Map<string, Uint8Array>;
  /** Loses the lock as an expired lease does. */
  loseLock(): void;
}

/** An operation on a memory store, for tests that let one fail. */
export type Operation = 'list' | 'read' | 'open' | 'create' | 'write' | 'close' | 'remove' | 'lock';

/**
 * An archive in memory. Its stages keep no files for the next writer, as in an object store.
 *
 * @param before called before each operation; what it throws, the operation fails with
 */
// Long: each of the abilities is a few lines, and all share the files and the lock.
export function memoryStore(
  initial: Files = new Map(),
  before: (operation: Operation, path: string) => void = () => {},
): MemoryStore {
  const files = new Map(initial);
  const location = 'memory';
  let held: AbortController | undefined;

  const reached = (operation: Operation, path: string) => {
    components({ archive: location, file: path });
    before(operation, path);
  };
  const part = (path: string, start: number, end: number) => {
    const bytes = files.get(path);
    if (bytes !== undefined && start <= end && end <= bytes.length)
      return bytes.subarray(start, end);
    const where = { archive: location, file: path };
    throw new Failure('read-failed', `cannot read ${path}`, { hint: 'none', where });
  };

  return {
    location,
    files,
    async list(directory) {
      reached('list', directory);
      return entriesIn(files, directory);
    },
    async *read(path, range) {
      reached('read', path);
      yield part(path, range?.start ?? 0, range?.end ?? files.get(path)?.length ?? 0);
    },
    async open(path) {
      reached('open', path);
      part(path, 0, 0);
      const read = async (into: Uint8Array, offset: number) =>
        into.set(part(path, offset, offset + into.length));
      return { read, close: () => {} };
    },
    async create(path) {
      reached('create', path);
      return sinkInto(files, path, before);
    },
    async remove(path) {
      reached('remove', path);
      for (const file of [...files.keys()]) {
        if (file === path || file.startsWith(`${path}/`)) files.delete(file);
      }
    },
    async lock() {
      reached('lock', '');
      const where = { archive: location };
      if (held !== undefined)
        throw new Failure('archive-locked', 'locked', { hint: 'none', where });
      const mine = new AbortController();
      held = mine;
      const release = async () => {
        if (held === mine) held = undefined;
      };
      return { lost: mine.signal, release };
    },
    loseLock() {
      held?.abort(
        new Failure('storage-failed', 'the lock was lost', { where: { archive: location } }),
      );
      held = undefined;
    },
    freeSpace: async () => undefined,
    maxFileSize: async () => Number.POSITIVE_INFINITY,
    async stage(place) {
      reached('list', place.draft);
      reached('list', place.directory);
      return stageFor(place, files, before);
    },
  };
}

function stageFor(
  { directory, last }: StagePlace,
  files: Map<string, Uint8Array>,
  before: (operation: Operation, path: string) => void,
): Stage {
  const staged = new Map<string, Uint8Array>();
  return {
    keepsFiles: false,
    leftovers: [],
    async *read(file) {
      yield staged.get(file) ?? Buffer.alloc(0);
    },
    async write(file) {
      before('create', `${directory}/${file}`);
      return sinkInto(staged, file, (operation) => before(operation, `${directory}/${file}`));
    },
    async remove(file) {
      staged.delete(file);
    },
    async publish(documents, without) {
      if (files.has(`${directory}/${last}`)) throw new Failure('storage-failed', 'it is there');
      for (const { file, bytes } of documents) {
        before('close', `${directory}/${file}`);
        staged.set(file, Buffer.from(bytes));
      }
      if (without !== undefined) staged.delete(without);
      for (const [file, bytes] of staged) files.set(`${directory}/${file}`, bytes);
    },
    async discard() {
      staged.clear();
    },
  };
}

function entriesIn(files: Files, directory: string): Entry[] {
  const prefix = directory === '' ? '' : `${directory}/`;
  const entries = new Map<string, Entry>();
  for (const [path, bytes] of files) {
    if (!path.startsWith(prefix)) continue;
    const [name = '', below] = path.slice(prefix.length).split('/');
    const kind = below === undefined ? 'file' : 'directory';
    entries.set(name, { name, kind, length: kind === 'file' ? bytes.length : 0 });
  }
  return [...entries.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function sinkInto(
  files: Map<string, Uint8Array>,
  path: string,
  before: (operation: Operation, path: string) => void,
): Sink {
  const pieces: Buffer[] = [];
  return {
    async write(bytes) {
      before('write', path);
      pieces.push(Buffer.from(bytes));
    },
    async close() {
      before('close', path);
      files.set(path, Buffer.concat(pieces));
    },
    async abandon() {},
  };
}
