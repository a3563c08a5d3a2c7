import type { Where } from '../../failure/failure.ts';
import {
  type ByteRange,
  type Entry,
  isSequential,
  type OpenFile,
  type Store,
} from '../../store/store.ts';

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

/** Reads a stream from its directory in a store. */
export function sourceIn(store: Store, directory: string): StreamSource {
  return {
    archive: store.location,
    directory,
    position: isSequential(store) ? store.positionOf(directory) : undefined,
    list: () => store.list(directory),
    read: (file, range) => store.read(`${directory}/${file}`, range),
    open: (file) => store.open(`${directory}/${file}`),
    vouches: store.isEqual !== undefined,
    isEqual: async (file, contents) =>
      store.isEqual === undefined ? false : store.isEqual(`${directory}/${file}`, contents),
  };
}

/** The place of a stream's directory, or of a file in it, for a failure. */
export function placeIn({ archive, directory }: StreamSource, file?: string): PlaceIn {
  return { archive, file: file === undefined ? directory : `${directory}/${file}` };
}

type PlaceIn = Required<Pick<Where, 'archive' | 'file'>>;
