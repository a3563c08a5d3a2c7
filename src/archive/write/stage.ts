import { Failure } from '../../failure/failure.ts';
import type { Stage, WritableStore } from '../../store/store.ts';
import { removalPlace, STREAMS, stagePlace } from '../layout.ts';

/** Opens the stage of a stream, without anything that an interrupted removal left of another one. */
export async function stageFor(store: WritableStore, directory: string): Promise<Stage> {
  await store.remove(removalPlace(directory).draft);
  return store.stage(stagePlace(directory));
}

/**
 * Opens the stage of the stream that will lie in `directory`.
 *
 * @throws {Failure} `archive-conflict` if the directory is taken: nothing published is replaced, not
 *   even a stream whose manifest is damaged
 */
export async function openStage(store: WritableStore, directory: string): Promise<Stage> {
  const path = `${STREAMS}/${directory}`;
  const taken = (await store.list(STREAMS)).some(({ name }) => name === directory);
  if (!taken) return stageFor(store, directory);
  throw new Failure('archive-conflict', `${path} exists, but cannot be used`, {
    hint: 'move that directory out of the archive, then run the same command again',
    where: { archive: store.location, file: path },
  });
}
