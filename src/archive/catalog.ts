import { Failure, type FailureCode } from '../failure/failure.ts';
import { headerDocument, manifestDocument, receiptDocument } from '../manifest/document.ts';
import type { ArchiveHeader, Manifest, Receipt } from '../manifest/schema.ts';
import type { StateRecord } from '../names/state.ts';
import { distinguished, type StreamName, titleOf } from '../names/title.ts';
import { abreast } from '../store/abreast.ts';
import { readWhole, type Store } from '../store/store.ts';
import type { GraphStream, Requirement } from './graph.ts';
import {
  HEADER_FILE,
  incomingName,
  isIncoming,
  isStreamName,
  MANIFEST_FILE,
  PART_LIKE,
  RECEIPTS,
  receiptOf,
  STREAMS,
  SUMS_FILE,
} from './layout.ts';

/** A published stream. As a {@link GraphStream} it is ready for the graph. */
export interface StoredStream extends GraphStream {
  readonly store: Store;
  /** Path of its directory in the store. */
  readonly directory: string;
  readonly manifest: Manifest;
  readonly called: StreamName;
}

/** All that an archive says about itself. */
export interface Catalog {
  readonly store: Store;
  /** Undefined where it can't be used: the streams stand on their own. */
  readonly header: ArchiveHeader | undefined;
  /** Why it can't: it was lost, is broken, or of a later version. */
  readonly headerFailure: Failure | undefined;
  readonly streams: readonly StoredStream[];
  /** Directories whose manifest is missing or can't be used, and what else is no stream; and why. */
  readonly damaged: readonly { directory: string; failure: Failure }[];
  /** Streams whose export was interrupted, by the name of the directory they would have. */
  readonly unfinished: readonly string[];
}

/** Manifests up to this size, bytes, are read several at a time; larger ones one after another. */
const SMALL_MANIFEST = 256 * 1024;

/**
 * Reads the header and every manifest. Throws `not-an-archive` where there is none, and
 * `format-feature` where the header names one that is not known; else a header or manifest that
 * can't be used does not keep the others from being read.
 */
export async function readCatalog(store: Store): Promise<Catalog> {
  const { header, headerFailure } = await usableHeader(store);
  // What is hidden is not of the archive, but for what an export has begun.
  const listed = (await store.list(STREAMS)).filter(
    ({ name }) => !name.startsWith('.') || isIncoming(name),
  );
  if (header === undefined && headerFailure === undefined && listed.length === 0) {
    throw await notAnArchive(store);
  }
  const streams: StoredStream[] = [];
  const damaged: { directory: string; failure: Failure }[] = [];
  const unfinished: string[] = [];

  const published = listed.filter(({ name, kind }) => {
    if (kind === 'other') damaged.push({ directory: `${STREAMS}/${name}`, failure: foreign(name) });
    if (kind !== 'directory') return false;
    if (isIncoming(name)) unfinished.push(incomingName(name));
    return !isIncoming(name);
  });
  const large: string[] = [];
  const take = async (
    directory: string,
    read: (path: string) => Promise<Uint8Array | undefined>,
  ) => {
    const path = `${directory}/${MANIFEST_FILE}`;
    try {
      const bytes = await read(path);
      if (bytes === undefined) large.push(directory);
      else streams.push(storedStream(store, directory, manifestDocument.decode(bytes, path)));
    } catch (error) {
      const failure = ofDocument(error);
      const without = failure.code === 'read-failed' && (await withoutManifest(store, directory));
      damaged.push({ directory, failure: without || failure });
    }
  };
  await abreast(published, async ({ name }) => {
    const directory = `${STREAMS}/${name}`;
    if (!isStreamName(name) && !(await hasManifest(store, directory))) return;
    await take(directory, (path) => readWhole(store.read(path), SMALL_MANIFEST));
  });
  for (const directory of large) {
    await take(directory, (path) => readDocument(store, path, manifestDocument.limit));
  }
  streams.sort(byAge);
  damaged.sort((a, b) => (a.directory < b.directory ? -1 : 1));
  const lost = header ?? headerFailure;
  return {
    store,
    header,
    headerFailure: lost === undefined ? headerLost(store) : headerFailure,
    streams,
    damaged,
    unfinished,
  };
}

/** Whether there is one: where its header was lost, its streams tell. */
export async function isArchive(store: Store): Promise<boolean> {
  const top = await store.list('');
  return top.some(({ name }) => name === HEADER_FILE) || (await store.list(STREAMS)).length > 0;
}

/** Archives that a command reads together: where titles of their streams are the same, these tell. */
export function together(catalogs: readonly Catalog[]): Catalog[] {
  const all = catalogs.flatMap(({ streams }) => streams.map(({ called }) => called));
  const mark = distinguished(all);
  return catalogs.map((catalog) => ({
    ...catalog,
    streams: catalog.streams.map((stream) => ({ ...stream, called: mark(stream.called) })),
  }));
}

async function usableHeader(
  store: Store,
): Promise<Partial<Pick<Catalog, 'header' | 'headerFailure'>>> {
  try {
    return { header: await readHeader(store) };
  } catch (error) {
    const failure = ofDocument(error);
    if (failure.code === 'format-feature') throw failure;
    return { headerFailure: failure };
  }
}

/**
 * The header, or undefined where there is none.
 * @throws Failure `manifest-damaged`, `format-version`, `format-feature`, `read-failed`
 */
export async function readHeader(store: Store): Promise<ArchiveHeader | undefined> {
  const top = await store.list('');
  if (!top.some(({ name }) => name === HEADER_FILE)) return undefined;
  return headerDocument.decode(
    await readDocument(store, HEADER_FILE, headerDocument.limit),
    HEADER_FILE,
  );
}

/** The receipts that destinations left, and why others can't be used. */
export async function readReceipts(
  store: Store,
): Promise<{ receipts: Receipt[]; damaged: Failure[] }> {
  const receipts: Receipt[] = [];
  const damaged: Failure[] = [];
  const note = (error: unknown) => void damaged.push(ofDocument(error));
  const entries = await store.list(RECEIPTS).catch((error) => {
    note(error);
    return [];
  });
  for (const { name } of entries) {
    const filesystem = receiptOf(name);
    if (filesystem === undefined) continue;
    const path = `${RECEIPTS}/${name}`;
    try {
      const bytes = await readDocument(store, path, receiptDocument.limit);
      const receipt = receiptDocument.decode(bytes, path);
      if (receipt.filesystem !== filesystem) throw otherReceipt(path, receipt.filesystem);
      receipts.push(receipt);
    } catch (error) {
      note(error);
    }
  }
  return { receipts, damaged };
}

/** What receipts tell of states: those of each destination, as it counts them. */
export function receiptRecords(receipts: readonly Receipt[]): StateRecord[] {
  return receipts.flatMap(({ filesystem, subvolumes }) =>
    subvolumes.map(({ uuid, ctransid, sendTransid }) => ({
      filesystem,
      uuid,
      ctransid,
      sendTransid,
    })),
  );
}

/** The states that a manifest names, as the graph wants them. */
export function storedStream(store: Store, directory: string, manifest: Manifest): StoredStream {
  return {
    store,
    directory,
    manifest,
    ...manifest.identity,
    filesystem: manifest.source.filesystem,
    called: {
      name: manifest.name,
      title: titleOf(manifest.name, manifest.source.path),
      uuid: manifest.identity.uuid,
    },
    requires: requirementsOf(manifest),
    cost: manifest.parts.reduce((sum, part) => sum + part.length, 0),
  };
}

function requirementsOf({ parent, cloneSources, source }: Manifest): Requirement[] {
  const named = parent === null ? cloneSources : [parent, ...cloneSources];
  return named.map((requirement) => ({ ...requirement, filesystem: source.filesystem }));
}

/**
 * What is wrong with one document. That the medium is gone, or that it takes root to read it, is no
 * damage of it, and is thrown on.
 */
function ofDocument(error: unknown): Failure {
  const other: readonly FailureCode[] = ['storage-failed', 'not-root'];
  if (error instanceof Failure && !other.includes(error.code)) return error;
  throw error;
}

async function hasManifest(store: Store, directory: string): Promise<boolean> {
  return (await store.list(directory)).some(({ name }) => name === MANIFEST_FILE);
}

async function readDocument(store: Store, path: string, limit: number): Promise<Uint8Array> {
  const bytes = await readWhole(store.read(path), limit);
  if (bytes !== undefined) return bytes;
  throw new Failure('manifest-damaged', `${path} is larger than any that btrferry writes`, {
    hint: 'this was not made by btrferry; do not trust it',
    where: { file: path, expected: `at most ${limit} bytes` },
  });
}

/** A symbolic link, a pipe, a device: in the place of a stream it must not be passed over. */
function foreign(name: string): Failure {
  const path = `${STREAMS}/${name}`;
  return new Failure('read-failed', `${path} is neither a file nor a directory`, {
    hint: 'this was not made by btrferry; do not trust it',
    where: { file: path },
  });
}

/** A stream exists when its manifest does. What lies there without one may still be of use. */
async function withoutManifest(store: Store, directory: string): Promise<Failure | undefined> {
  const listed = await store.list(directory).catch((error) => void ofDocument(error));
  const names = listed?.map(({ name }) => name);
  if (names === undefined || names.includes(MANIFEST_FILE)) return undefined;
  const path = `${directory}/${MANIFEST_FILE}`;
  const byHand = `if in ${directory} sha256sum -c ${SUMS_FILE} finds all parts whole, receive them by hand: cat *.btrfs.zst | zstd -d | btrfs receive DIR`;
  const hint = names.some((name) => PART_LIKE.test(name))
    ? `bring ${MANIFEST_FILE} from another copy; or ${byHand}`
    : 'nothing of the stream is there: remove this directory, or bring the stream from another copy';
  return new Failure('stream-incomplete', `${path} is missing, so ${directory} is no stream yet`, {
    hint,
    where: { file: path, path: directory },
  });
}

function headerLost({ location }: Store): Failure {
  return new Failure('manifest-damaged', `${HEADER_FILE} is missing from ${location}`, {
    hint: 'the streams stand on their own; the next export makes a new one',
    where: { file: HEADER_FILE },
  });
}

function otherReceipt(path: string, filesystem: string): Failure {
  return new Failure('manifest-damaged', `receipt ${path} is of filesystem ${filesystem}`, {
    hint: 'delete this file: the next import writes a new one',
    where: { file: path, found: filesystem },
  });
}

async function notAnArchive(store: Store): Promise<Failure> {
  const found = await store.list('');
  const holds = found.length === 0 ? 'there is nothing there' : `it has no ${HEADER_FILE}`;
  return new Failure('not-an-archive', `no archive at ${store.location}: ${holds}`, {
    hint: 'check the path, and that the drive is mounted; export makes a new archive',
    where: { path: store.location },
  });
}

/** Oldest first: by creation within one filesystem, else by the time of the export. */
function byAge(a: StoredStream, b: StoredStream): number {
  const [left, right] = [a.manifest, b.manifest];
  const [here, there] = [left.source.filesystem, right.source.filesystem];
  const [born, later] = [left.source.creationGeneration, right.source.creationGeneration];
  if (here !== null && here === there && born !== null && later !== null) {
    const age = compareNumbers(born, later);
    if (age !== 0) return age;
  }
  if (left.createdAt !== right.createdAt) return left.createdAt < right.createdAt ? -1 : 1;
  return a.directory < b.directory ? -1 : 1;
}

/** Decimal numbers of any length, without leading zeros. */
function compareNumbers(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : Number(a > b);
}
