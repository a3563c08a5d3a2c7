import type { Where } from '../../failure/failure.ts';
import type { ByteRange, Entry, OpenFile, Store } from '../../store/store.ts';

/**
 * The place that the stored files of one stream are read from. Files are named as in the manifest.
 * Failures are those of a {@link Store}.
 */
export interface StreamSource {
  /** The archive as the user named it. */
  readonly archive: string;
  /** Path of the stream's directory in the archive. */
  readonly directory: string;
  /** Lists the files of the stream that exist. */
  list(): Promise<Entry[]>;
  /** Reads a file, or a range of it. A piece is valid until the next one is requested. */
  read(file: string, range?: ByteRange): AsyncIterable<Uint8Array>;
  /** Opens a file for random reads. */
  open(file: string): Promise<OpenFile>;
}

/** Reads a stream from its directory in a store. */
export function sourceIn(store: Store, directory: string): StreamSource {
  return {
    archive: store.location,
    directory,
    list: () => store.list(directory),
    read: (file, range) => store.read(`${directory}/${file}`, range),
    open: (file) => store.open(`${directory}/${file}`),
  };
}

/** The place of a stream's directory, or of a file in it, for a failure. */
export function placeIn({ archive, directory }: StreamSource, file?: string): PlaceIn {
  return { archive, file: file === undefined ? directory : `${directory}/${file}` };
}

type PlaceIn = Required<Pick<Where, 'archive' | 'file'>>;
