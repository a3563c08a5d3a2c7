import { Failure, failureOfFile } from '../../failure/failure.ts';
import { manifestDocument, segmentDocument } from '../../manifest/document.ts';
import type { Manifest, Segment } from '../../manifest/schema.ts';
import { distinguished } from '../../names/title.ts';
import { concurrently } from '../../store/concurrently.ts';
import { type Entry, readWhole, type Store } from '../../store/store.ts';
import {
  HEADER_FILE,
  incomingName,
  isIncoming,
  isStreamName,
  MANIFEST_FILE,
  PART_LIKE,
  SEGMENT_FILE,
  STREAMS,
  SUMS_FILE,
} from '../layout.ts';
import { continuesElsewhere } from './damage.ts';
import { decoded, readDocument } from './document.ts';
import { type FoundHeader, headerMissing, isArchive, usableHeader } from './header.ts';
import { type StreamSource, sourceIn } from './source.ts';
import { byAge, type StoredStream, storedStream } from './stored-stream.ts';

/** The contents of an archive, as its documents describe them. */
export interface Catalog extends FoundHeader {
  readonly store: Store;
  /** Oldest first. */
  readonly streams: readonly StoredStream[];
  /** Directories that should hold a stream, and why they do not. */
  readonly damaged: readonly DamagedStream[];
  /** The names that unfinished streams will have when they are published. */
  readonly unfinished: readonly string[];
}

export interface DamagedStream {
  readonly directory: string;
  readonly failure: Failure;
  /** The files that are there, if only the manifest is not. */
  readonly fragment?: Fragment;
}

/** The files of a stream in a directory that has no manifest. */
export interface Fragment {
  readonly source: StreamSource;
  /** Undefined if no segment describes them. */
  readonly segment: Segment | undefined;
}

/** Bytes up to which several manifests are read at a time. Larger ones are read one by one. */
const SMALL_MANIFEST = 256 * 1024;

/**
 * Reads the header and all manifests of an archive. A header or manifest that cannot be used does
 * not hide the others.
 *
 * @throws {Failure} `not-an-archive`; `format-feature` if the header names an unknown feature
 */
export async function readCatalog(store: Store): Promise<Catalog> {
  const { header, headerFailure } = await usableHeader(store);
  const found = header ?? headerFailure;
  const { published, unfinished, foreign } = sorted(await store.list(STREAMS));
  if (found === undefined && published.length + unfinished.length + foreign.length === 0) {
    throw await notAnArchive(store);
  }
  const { streams, damaged, hasChanged } = await readManifests(store, published);
  // Of streams that are being removed, some were read, and those that they need were not.
  if (hasChanged) return readCatalog(store);
  damaged.push(...foreign.map((name) => foreignFile(store, name)));
  // Someone moved parts there. Only what an export made has a header.
  const isFolder =
    streams.length + unfinished.length === 0 &&
    damaged.every(({ fragment }) => fragment !== undefined && fragment.segment === undefined);
  return {
    store,
    header,
    headerFailure: found === undefined && !isFolder ? headerMissing(store) : headerFailure,
    streams: streams.sort(byAge),
    damaged: damaged.sort((a, b) => (a.directory < b.directory ? -1 : 1)),
    unfinished,
  };
}

/** Sorts the entries of the directory of streams. Ignores hidden names other than drafts. */
function sorted(entries: readonly Entry[]) {
  const visible = entries.filter(({ name }) => !name.startsWith('.') || isIncoming(name));
  const directories = visible.filter(({ kind }) => kind === 'directory').map(({ name }) => name);
  return {
    published: directories.filter((name) => !isIncoming(name)),
    unfinished: directories.filter(isIncoming).map(incomingName),
    foreign: visible.filter(({ kind }) => kind === 'other').map(({ name }) => name),
  };
}

async function readManifests(
  store: Store,
  names: readonly string[],
): Promise<{ streams: StoredStream[]; damaged: DamagedStream[]; hasChanged: boolean }> {
  let hasChanged = false;
  const streams: StoredStream[] = [];
  const damaged: DamagedStream[] = [];
  const large: string[] = [];
  const take = async (directory: string, read: () => Promise<Manifest | undefined>) => {
    try {
      const manifest = await read();
      if (manifest === undefined) large.push(directory);
      else streams.push(storedStream(sourceIn(store, directory), manifest));
    } catch (error) {
      const failure = failureOfFile(error);
      if (failure.code === 'read-failed' && (await isGone(store, directory))) {
        hasChanged = true;
        return;
      }
      const missing = failure.code === 'read-failed' && (await manifestMissing(store, directory));
      damaged.push(missing || { directory, failure });
    }
  };
  await concurrently(names, async (name) => {
    const directory = `${STREAMS}/${name}`;
    if (!isStreamName(name) && !(await hasDocument(store, directory))) return;
    await take(directory, async () => {
      const file = `${directory}/${MANIFEST_FILE}`;
      const bytes = await readWhole(store.read(file), SMALL_MANIFEST);
      return bytes && decoded(store, bytes, file, manifestDocument.decode);
    });
  });
  for (const directory of large) {
    const file = `${directory}/${MANIFEST_FILE}`;
    await take(directory, () => readDocument(store, file, manifestDocument));
  }
  return { streams, damaged, hasChanged };
}

/** Reports whether a directory is not there any more. */
async function isGone(store: Store, directory: string): Promise<boolean> {
  const entries = await store.list(STREAMS).catch((error) => void failureOfFile(error));
  return entries !== undefined && !entries.some(({ name }) => `${STREAMS}/${name}` === directory);
}

/** Marks titles that streams of several archives share. */
export function together(catalogs: readonly Catalog[]): Catalog[] {
  const all = catalogs.flatMap(({ streams }) => streams.map(({ called }) => called));
  const mark = distinguished(all);
  return catalogs.map((catalog) => ({
    ...catalog,
    streams: catalog.streams.map((stream) => ({ ...stream, called: mark(stream.called) })),
  }));
}

async function hasDocument(store: Store, directory: string): Promise<boolean> {
  const documents = [MANIFEST_FILE, SEGMENT_FILE];
  return (await store.list(directory)).some(({ name }) => documents.includes(name));
}

/** A symbolic link, a pipe or a device among the streams, which must not go unnoticed. */
function foreignFile({ location }: Store, name: string): DamagedStream {
  const directory = `${STREAMS}/${name}`;
  const failure = new Failure('read-failed', `${directory} is neither a file nor a directory`, {
    hint: 'this was not made by btrferry; do not trust it',
    where: { archive: location, file: directory },
  });
  return { directory, failure };
}

/** A stream without a manifest, whose parts may still be of use. */
async function manifestMissing(
  store: Store,
  directory: string,
): Promise<DamagedStream | undefined> {
  const listed = await store.list(directory).catch((error) => void failureOfFile(error));
  const names = listed?.map(({ name }) => name);
  if (names === undefined || names.includes(MANIFEST_FILE)) return undefined;
  if (names.includes(SEGMENT_FILE)) return segmentAlone(store, directory);
  const file = `${directory}/${MANIFEST_FILE}`;
  const byHand = `if in ${directory} sha256sum -c ${SUMS_FILE} finds all parts whole, receive them by hand: cat *.btrfs.zst | zstd -d | btrfs receive DIR`;
  const hint = names.some((name) => PART_LIKE.test(name))
    ? `bring ${MANIFEST_FILE} from another copy; or ${byHand}`
    : 'nothing of the stream is there: remove this directory, or bring the stream from another copy';
  const failure = new Failure(
    'stream-incomplete',
    `${file} is missing, so ${directory} is no stream yet`,
    { hint, where: { archive: store.location, file } },
  );
  return {
    directory,
    failure,
    fragment: { source: sourceIn(store, directory, null), segment: undefined },
  };
}

/** @throws {Failure} `not-an-archive` */
export async function assertArchive(store: Store): Promise<void> {
  if (!(await isArchive(store))) throw await notAnArchive(store);
}

/** A stream of which this archive has a segment, and not the end. */
async function segmentAlone(store: Store, directory: string): Promise<DamagedStream> {
  const source = sourceIn(store, directory, SEGMENT_FILE);
  try {
    const segment = await readDocument(store, `${directory}/${SEGMENT_FILE}`, segmentDocument);
    return {
      directory,
      failure: continuesElsewhere(source, segment),
      fragment: { source, segment },
    };
  } catch (error) {
    return { directory, failure: failureOfFile(error) };
  }
}

async function notAnArchive(store: Store): Promise<Failure> {
  const found = await store.list('');
  const holds = found.length === 0 ? 'there is nothing there' : `it has no ${HEADER_FILE}`;
  return new Failure('not-an-archive', `no archive at ${store.location}: ${holds}`, {
    hint: 'check its name, and that the drive is mounted if it is on one; export makes a new archive',
    where: { archive: store.location },
  });
}
