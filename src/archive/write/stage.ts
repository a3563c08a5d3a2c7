import { Failure } from '../../failure/failure.ts';
import {
  type Entry,
  isResumable,
  type Stage,
  type WritableStore,
  writeWhole,
} from '../../store/store.ts';
import { incomingDirectory, MANIFEST_FILE, STREAMS } from '../layout.ts';

/** A place to write a stream in before it is published. */
export interface DraftStage {
  readonly stage: Stage;
  /** An interrupted run leaves files here that the next one can continue. */
  readonly resumable: boolean;
}

/**
 * Opens the place for the stream that will lie in `directory`. In a store that can resume, that is a
 * hidden directory; elsewhere it is the directory itself, which is no stream before it has a
 * manifest.
 *
 * @throws {Failure} `archive-conflict` if the directory is taken: nothing published is replaced, not
 *   even a stream whose manifest is damaged
 */
export async function openStage(store: WritableStore, directory: string): Promise<DraftStage> {
  const path = `${STREAMS}/${directory}`;
  if (isResumable(store)) {
    if ((await store.list(STREAMS)).some(({ name }) => name === directory))
      throw taken(store, path);
    return { stage: await store.stage(incomingDirectory(directory)), resumable: true };
  }
  const leftovers = await store.list(path);
  if (leftovers.some(({ name }) => name === MANIFEST_FILE)) throw taken(store, path);
  return { stage: directStage(store, path, leftovers), resumable: false };
}

function directStage(store: WritableStore, path: string, leftovers: readonly Entry[]): Stage {
  const at = (file: string) => `${path}/${file}`;
  return {
    leftovers,
    read: (file, range) => store.read(at(file), range),
    async write(file, keep = 0) {
      if (keep > 0) throw new RangeError(`${store.location} cannot continue a file`);
      return store.create(at(file));
    },
    remove: (file) => store.remove(at(file)),
    async publish(directory, last) {
      if (directory !== path) throw new RangeError(`${path} cannot become ${directory}`);
      await writeWhole(store, at(last.file), last.bytes);
    },
    discard: () => store.remove(path),
  };
}

function taken({ location }: WritableStore, path: string): Failure {
  return new Failure('archive-conflict', `${path} exists, but cannot be used`, {
    hint: 'move that directory out of the archive, then run the same command again',
    where: { archive: location, file: path },
  });
}
