import { Failure, type Where } from '../../failure/failure.ts';
import {
  type ByteRange,
  type Entry,
  isSequential,
  type OpenFile,
  type Store,
} from '../../store/store.ts';
import { MANIFEST_FILE } from '../layout.ts';

/**
 * The place that the stored files of one stream are read from. Files are named as in the manifest.
 * Failures are those of a {@link Store}.
 */
export interface StreamSource {
  /** The archive as the user named it. */
  readonly archive: string;
  /** Path of the stream's directory in the archive. */
  readonly directory: string;
  /**
   * Place of the stream among those of an archive whose files can be read only once, and in this
   * order; undefined if they can be read in any order.
   */
  readonly position: number | undefined;
  /** The archive that a file is read from, as the user named it. */
  archiveOf(file: string): string;
  /** Lists the files of the stream that exist. */
  list(): Promise<Entry[]>;
  /** Reads a file, or a range of it. A piece is valid until the next one is requested. */
  read(file: string, range?: ByteRange): AsyncIterable<Uint8Array>;
  /** Opens a file for random reads. */
  open(file: string): Promise<OpenFile>;
  /** The store keeps checksums, so that {@link StreamSource.isEqual} can be of use. */
  readonly vouches: boolean;
  /** Compares a file with contents without reading it: see {@link Store.isEqual}. */
  isEqual(file: string, contents: AsyncIterable<Uint8Array>): Promise<boolean>;
}

/**
 * Reads a stream, or a fingerprint, from its directory in a store. If the directory was removed since
 * its document was read, each method fails with `stream-removed`.
 *
 * @param document the file that shows that the directory is published; null if it may be missing
 */
export function sourceIn(
  store: Store,
  directory: string,
  document: string | null = MANIFEST_FILE,
): StreamSource {
  const list = async () => {
    const entries = await store.list(directory);
    if (document === null || entries.some(({ name }) => name === document)) return entries;
    throw removedMeanwhile(store, directory);
  };
  /** Throws the reason why a file cannot be read. */
  const explain = async (error: unknown): Promise<never> => {
    if (error instanceof Failure && error.code === 'read-failed') await list();
    throw error;
  };
  return {
    archive: store.location,
    directory,
    archiveOf: () => store.location,
    position: isSequential(store) ? store.positionOf(directory) : undefined,
    list,
    async *read(file, range) {
      try {
        yield* store.read(`${directory}/${file}`, range);
      } catch (error) {
        await explain(error);
      }
    },
    async open(file) {
      const { read, close } = await store.open(`${directory}/${file}`).catch(explain);
      return { read: (into, offset) => read(into, offset).catch(explain), close };
    },
    vouches: store.isEqual !== undefined,
    isEqual: async (file, contents) =>
      store.isEqual === undefined ? false : store.isEqual(`${directory}/${file}`, contents),
  };
}

function removedMeanwhile({ location }: Store, directory: string): Failure {
  return new Failure('stream-removed', `${directory} was removed while it was being read`, {
    hint: 'run the same command again: it takes the archive as it is now',
    where: { archive: location, file: directory },
  });
}

/** The place of a stream's directory, or of a file in it, for a failure. */
export function placeIn({ archive, archiveOf, directory }: StreamSource, file?: string): PlaceIn {
  if (file === undefined) return { archive, file: directory };
  return { archive: archiveOf(file), file: `${directory}/${file}` };
}

type PlaceIn = Required<Pick<Where, 'archive' | 'file'>>;
