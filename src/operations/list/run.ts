import {
  conflicts,
  linkedStates,
  receivable,
  statesOf,
  unmetBy,
} from '../../archive/graph/graph.ts';
import { parityFiles } from '../../archive/parity/read.ts';
import type { Catalog } from '../../archive/read/catalog.ts';
import type { StoredFingerprint } from '../../archive/read/fingerprints.ts';
import { missingMedium } from '../../archive/read/integrity.ts';
import { formerRecords, newestReceipts, receiptRecords } from '../../archive/read/receipts.ts';
import type { StoredStream } from '../../archive/read/stored-stream.ts';
import type {
  ArchiveListed,
  FingerprintListed,
  ListResult,
  StreamListed,
} from '../../events/list.ts';
import { type ExitCode, exit, type Failure } from '../../failure/failure.ts';
import { namedIdentity } from '../../names/identity.ts';
import { concurrently } from '../../store/concurrently.ts';
import { kindOf } from '../../store/location.ts';
import { destinationListed } from '../archives/destinations.ts';
import { type Archives, finishReading, openArchives } from '../archives/open.ts';
import { warnOfHeaders, warnOfReceipts } from '../archives/warnings.ts';
import type { Context, Operation } from '../operation.ts';

export interface ListOptions {
  readonly archives: readonly string[];
}

/** Lists the streams of archives. The archives complete each other. */
export const runList: Operation<ListOptions, ListResult> = async (options, context) => {
  const begun = performance.now();
  const { emit } = context;
  const archives = await openArchives(options.archives, context);
  const { catalogs, streams, receipts, damagedReceipts, fingerprints } = archives;
  warnOfReceipts(damagedReceipts, emit);
  warnOfHeaders(catalogs, emit);
  const vouched = [...receiptRecords(receipts), ...archives.fingerprints];
  const states = linkedStates(streams, vouched);
  const provided = statesOf([...streams, ...vouched], states);
  const conflicting = conflicts(streams, states);
  // Of streams that contradict each other, none can be chosen.
  const elsewhere = await partsElsewhere(streams);
  const certain = streams.filter((one) => !conflicting.has(one.uuid) && !elsewhere.has(one));
  const restorable = new Set(receivable(certain, [], states));

  const parity = await parityOf(streams);
  for (const catalog of catalogs) {
    for (const stream of catalog.streams) {
      emit({
        ...listed(stream, restorable.has(stream), parity.get(stream) ?? 0),
        missing: unmetBy(stream, provided, states).map(namedIdentity),
        conflicting: conflicting.has(stream.uuid),
      });
    }
    for (const stored of fingerprints) {
      if (stored.source.archive === catalog.store.location) emit(fingerprintListed(stored));
    }
    emit(archiveListed(catalog, archives, elsewhere));
  }
  await listDestinations(archives, context);
  await finishReading(archives);
  const failures = [
    ...catalogs.flatMap(({ damaged }) => damaged),
    ...archives.damagedFingerprints,
  ].map(({ failure }) => failure);
  failures.push(...elsewhere.values());
  return {
    type: 'result',
    command: 'list',
    exit: worst(failures),
    done: streams.length,
    restorable: restorable.size,
    refused: failures.length,
    bytes: sum(streams, (stream) => stream.manifest.stream.length),
    stored: sum(streams, (stream) => stream.storedBytes),
    seconds: (performance.now() - begun) / 1000,
  };
};

/** The streams that an export spread, and of which a part is on a medium that was not given. */
async function partsElsewhere(
  streams: readonly StoredStream[],
): Promise<Map<StoredStream, Failure>> {
  const found = new Map<StoredStream, Failure>();
  for (const stream of streams) {
    const failure = await missingMedium(stream);
    if (failure !== undefined) found.set(stream, failure);
  }
  return found;
}

function archiveListed(
  { store: { location: archive }, header, streams, damaged, unfinished }: Catalog,
  { damagedFingerprints }: Archives,
  elsewhere: ReadonlyMap<StoredStream, Failure>,
): ArchiveListed {
  const incomplete = streams.flatMap((stream) => {
    const failure = elsewhere.get(stream);
    return failure === undefined ? [] : [{ directory: stream.source.directory, failure }];
  });
  return {
    type: 'archive-listed',
    archive,
    id: header?.id ?? null,
    label: header?.label ?? null,
    streams: streams.length,
    stored: sum(streams, (stream) => stream.storedBytes),
    damaged: [
      ...damaged,
      ...incomplete,
      ...damagedFingerprints.filter(({ failure }) => failure.where.archive === archive),
    ].map(({ directory, failure }) => ({ directory, failure })),
    unfinished,
  };
}

/** Lists the destinations that left a receipt in the archives, by the newest receipt of each. */
async function listDestinations(
  { streams, receipts }: Archives,
  { emit, ledger }: Context,
): Promise<void> {
  const left = new Set(receipts.map(({ filesystem }) => filesystem));
  const newest = newestReceipts([...receipts, ...(await ledger.receipts())]).filter(
    ({ filesystem }) => left.has(filesystem),
  );
  const states = linkedStates(streams, [...receiptRecords(newest), ...formerRecords(newest)]);
  for (const receipt of newest) emit(destinationListed(receipt, streams, states));
}

/** Bytes of parity beside each stream. Only archives in directories have any. */
async function parityOf(streams: readonly StoredStream[]): Promise<Map<StoredStream, number>> {
  const parity = new Map<StoredStream, number>();
  const able = streams.filter(({ source }) => kindOf(source.archive) === 'directory');
  await concurrently(able, async (stream) => {
    parity.set(
      stream,
      sum(await parityFiles(stream.source), ({ length }) => length),
    );
  });
  return parity;
}

function listed(
  stream: StoredStream,
  restorable: boolean,
  parity: number,
): Omit<StreamListed, 'missing' | 'conflicting'> {
  const { source: stored, manifest, called, storedBytes } = stream;
  const { kind, identity, parent, cloneSources, source } = manifest;
  return {
    type: 'stream-listed',
    stream: called,
    archive: stored.archive,
    directory: stored.directory,
    host: source.host,
    path: source.path,
    kind,
    ctransid: identity.ctransid,
    parent: parent && namedIdentity(parent),
    cloneSources: cloneSources.map(namedIdentity),
    restorable,
    length: manifest.stream.length,
    stored: storedBytes,
    parity,
    createdAt: manifest.createdAt,
    snapshotCreatedAt: source.createdAt,
  };
}

function fingerprintListed({ source, fingerprint, called }: StoredFingerprint): FingerprintListed {
  const { identity, source: origin, blockSize, tree, parts, createdAt } = fingerprint;
  return {
    type: 'fingerprint-listed',
    archive: source.archive,
    directory: source.directory,
    stream: called,
    ctransid: identity.ctransid,
    host: origin.host,
    path: origin.path,
    blockSize,
    entries: tree.entries,
    bytes: tree.bytes,
    stored: sum(parts, ({ length }) => length),
    createdAt,
  };
}

/** Damage comes before a version that is too new to be read. */
function worst(failures: readonly Failure[]): ExitCode {
  const codes = failures.map((failure) => failure.exitCode);
  return codes.includes(exit.damaged) ? exit.damaged : (codes[0] ?? exit.done);
}

function sum<T>(list: readonly T[], amount: (item: T) => number): number {
  return list.reduce((total, item) => total + amount(item), 0);
}
