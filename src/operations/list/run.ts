import {
  conflicts,
  linkedStates,
  receivable,
  statesOf,
  unmetBy,
} from '../../archive/graph/graph.ts';
import { parityFiles } from '../../archive/parity/read.ts';
import type { StoredFingerprint } from '../../archive/read/fingerprints.ts';
import { receiptRecords } from '../../archive/read/receipts.ts';
import type { StoredStream } from '../../archive/read/stored-stream.ts';
import type { FingerprintListed, ListResult, StreamListed } from '../../events/list.ts';
import { type ExitCode, exit, type Failure } from '../../failure/failure.ts';
import { namedIdentity } from '../../names/identity.ts';
import { finishReading, openArchives } from '../archives/open.ts';
import { warnOfHeaders, warnOfReceipts } from '../archives/warnings.ts';
import type { Operation } from '../operation.ts';

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
  const certain = streams.filter(({ uuid }) => !conflicting.has(uuid));
  const restorable = new Set(receivable(certain, [], states));

  for (const catalog of catalogs) {
    for (const stream of catalog.streams) {
      emit({
        ...(await listed(stream, restorable.has(stream))),
        missing: unmetBy(stream, provided, states).map(namedIdentity),
        conflicting: conflicting.has(stream.uuid),
      });
    }
    for (const stored of fingerprints) {
      if (stored.source.archive === catalog.store.location) emit(fingerprintListed(stored));
    }
    const { header, damaged, unfinished } = catalog;
    emit({
      type: 'archive-listed',
      archive: catalog.store.location,
      id: header?.id ?? null,
      label: header?.label ?? null,
      streams: catalog.streams.length,
      stored: sum(catalog.streams, (stream) => stream.storedBytes),
      damaged: [
        ...damaged,
        ...archives.damagedFingerprints.filter(
          ({ failure }) => failure.where.archive === catalog.store.location,
        ),
      ],
      unfinished,
    });
  }
  await finishReading(archives);
  const failures = [
    ...catalogs.flatMap(({ damaged }) => damaged),
    ...archives.damagedFingerprints,
  ].map(({ failure }) => failure);
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

async function listed(
  stream: StoredStream,
  restorable: boolean,
): Promise<Omit<StreamListed, 'missing' | 'conflicting'>> {
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
    parity: sum(await parityFiles(stored), ({ length }) => length),
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
