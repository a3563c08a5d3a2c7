import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../../src/failure/failure.ts';
import { memoryStore as plainMemoryStore } from '../../src/store/memory.ts';
import type { Sink, Stage, WritableStore } from '../../src/store/store.ts';

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
 * An archive in memory, whose operations can fail.
 *
 * @param before called before each operation; what it throws, the operation fails with
 */
export function memoryStore(
  initial: Files = new Map(),
  before: (operation: Operation, path: string) => void = () => {},
): MemoryStore {
  const store = plainMemoryStore();
  for (const [path, bytes] of initial) store.files.set(path, bytes);
  const { location } = store;
  let held: { readonly lost: AbortController; readonly release: () => Promise<void> } | undefined;
  return {
    ...store,
    async list(directory) {
      before('list', directory);
      return store.list(directory);
    },
    async *read(path, range) {
      before('read', path);
      yield* store.read(path, range);
    },
    async open(path) {
      before('open', path);
      return store.open(path);
    },
    async create(path) {
      before('create', path);
      return failing(await store.create(path), path, before);
    },
    async remove(path) {
      before('remove', path);
      await store.remove(path);
    },
    async lock() {
      before('lock', '');
      const { release } = await store.lock();
      const mine = { lost: new AbortController(), release };
      held = mine;
      return { lost: mine.lost.signal, release };
    },
    loseLock() {
      const where = { archive: location };
      held?.lost.abort(new Failure('storage-failed', 'the lock was lost', { where }));
      void held?.release();
      held = undefined;
    },
    async stage(place) {
      const stage = await store.stage(place);
      const at = (file: string) => `${place.directory}/${file}`;
      return {
        ...stage,
        async write(file) {
          before('create', at(file));
          return failing(await stage.write(file), at(file), before);
        },
        async publish(documents, without) {
          for (const { file } of documents) before('close', at(file));
          await stage.publish(documents, without);
        },
      } satisfies Stage;
    },
  };
}

function failing(
  sink: Sink,
  path: string,
  before: (operation: Operation, path: string) => void,
): Sink {
  return {
    async write(bytes) {
      before('write', path);
      await sink.write(bytes);
    },
    async close() {
      before('close', path);
      await sink.close();
    },
    abandon: sink.abandon,
  };
}
