import { Failure } from '../failure/failure.ts';
import { components } from './components.ts';
import type { Entry, Sink, StagePlace, WritableStore } from './store.ts';

export interface MemoryStore extends WritableStore {
  /** The files of the archive, by their path in it. */
  readonly files: Map<string, Uint8Array>;
}

/**
 * An archive in memory, for streams that this program makes and uses at once. Its stages keep no files
 * for the next writer, as in an object store.
 */
export function memoryStore(location = 'memory'): MemoryStore {
  const files = new Map<string, Uint8Array>();
  const at = (file: string) => ({ archive: location, file });
  const part = (path: string, start: number, end: number) => {
    components(at(path));
    const bytes = files.get(path);
    if (bytes !== undefined && start <= end && end <= bytes.length) {
      return bytes.subarray(start, end);
    }
    throw new Failure('read-failed', `cannot read ${path}`, { where: at(path) });
  };
  let isLocked = false;
  return {
    location,
    files,
    async list(directory) {
      components(at(directory));
      return entriesIn(files, directory);
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
    async create(path) {
      components(at(path));
      return sinkInto(files, path);
    },
    async remove(path) {
      components(at(path));
      for (const file of [...files.keys()]) {
        if (file === path || file.startsWith(`${path}/`)) files.delete(file);
      }
    },
    async unpublish({ directory }) {
      await this.remove(directory);
    },
    async lock() {
      if (isLocked) throw new Failure('archive-locked', `${location} is locked`, { where: at('') });
      isLocked = true;
      const release = async () => {
        isLocked = false;
      };
      return { lost: new AbortController().signal, release };
    },
    freeSpace: async () => undefined,
    maxFileSize: async () => Number.POSITIVE_INFINITY,
    async stage(place) {
      components(at(place.draft));
      components(at(place.directory));
      return stageFor(place, files);
    },
  };
}

function stageFor(
  { directory, last }: StagePlace,
  files: Map<string, Uint8Array>,
): Awaited<ReturnType<WritableStore['stage']>> {
  const staged = new Map<string, Uint8Array>();
  return {
    keepsFiles: false,
    leftovers: [],
    async *read(file) {
      yield staged.get(file) ?? Buffer.alloc(0);
    },
    write: async (file) => sinkInto(staged, file),
    async remove(file) {
      staged.delete(file);
    },
    async publish(documents, without) {
      if (files.has(`${directory}/${last}`)) throw new Failure('storage-failed', 'it is there');
      for (const { file, bytes } of documents) staged.set(file, Buffer.from(bytes));
      if (without !== undefined) staged.delete(without);
      for (const [file, bytes] of staged) files.set(`${directory}/${file}`, bytes);
    },
    async discard() {
      staged.clear();
    },
  };
}

function entriesIn(files: ReadonlyMap<string, Uint8Array>, directory: string): Entry[] {
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

function sinkInto(files: Map<string, Uint8Array>, path: string): Sink {
  const pieces: Buffer[] = [];
  return {
    async write(bytes) {
      pieces.push(Buffer.from(bytes));
    },
    async close() {
      files.set(path, Buffer.concat(pieces));
    },
    async abandon() {},
  };
}
