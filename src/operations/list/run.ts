import {
  type Catalog,
  readCatalog,
  readReceipts,
  receiptRecords,
  type StoredStream,
  together,
} from '../../archive/catalog.ts';
import { conflicts, linkedStates, receivable, statesOf, unmetBy } from '../../archive/graph.ts';
import { type ExitCode, exit, Failure } from '../../failure/failure.ts';
import type { Receipt } from '../../manifest/schema.ts';
import { namedIdentity } from '../../names/identity.ts';
import type { Store } from '../../store/store.ts';
import { storeAt } from '../archive-location.ts';
import type { Emit, StreamListed } from '../event.ts';
import { warnOfHeaders } from '../headers.ts';
import type { Operation } from '../operation.ts';

export interface ListOptions {
  readonly archives: readonly string[];
}

/** Lists the streams of archives; the archives complete each other. */
export const runList: Operation<ListOptions> = async ({ archives }, { emit, signal }) => {
  const begun = performance.now();
  const read: Catalog[] = [];
  const receipts: Receipt[] = [];
  for (const location of archives) {
    if (signal.aborted) throw new Failure('interrupted', 'interrupted');
    const store = storeAt(location);
    read.push(await readCatalog(store));
    receipts.push(...(await usableReceipts(store, emit)));
  }
  const catalogs = together(read);
  warnOfHeaders(catalogs, emit);
  const streams = catalogs.flatMap((catalog) => catalog.streams);
  const vouched = receiptRecords(receipts);
  const states = linkedStates(streams, vouched);
  const provided = statesOf([...streams, ...vouched], states);
  const conflicting = conflicts(streams, states);
  // Of streams that contradict each other, none can be chosen.
  const certain = streams.filter(({ uuid }) => !conflicting.has(uuid));
  const restorable = new Set(receivable(certain, [], states));

  for (const catalog of catalogs) {
    for (const stream of catalog.streams) {
      emit({
        ...listed(stream, restorable.has(stream)),
        missing: unmetBy(stream, provided, states).map(namedIdentity),
        conflicting: conflicting.has(stream.uuid),
      });
    }
    const { header, damaged, unfinished } = catalog;
    emit({
      type: 'archive-listed',
      archive: catalog.store.location,
      id: header?.id ?? null,
      label: header?.label ?? null,
      streams: catalog.streams.length,
      stored: sum(catalog.streams, (stream) => stream.cost),
      damaged,
      unfinished,
    });
  }
  const failures = catalogs.flatMap(({ damaged }) => damaged.map(({ failure }) => failure));
  return {
    type: 'result',
    command: 'list',
    exit: worst(failures),
    done: streams.length,
    bytes: sum(streams, (stream) => stream.manifest.stream.length),
    stored: sum(streams, (stream) => stream.cost),
    seconds: (performance.now() - begun) / 1000,
    summary: summary(streams.length, streams.length - restorable.size, failures.length),
  };
};

/** Receipts help to tell what is missing; without them everything else still holds. */
async function usableReceipts(store: Store, emit: Emit): Promise<Receipt[]> {
  const { receipts, damaged } = await readReceipts(store);
  for (const { message } of damaged) {
    emit({
      type: 'warning',
      code: 'manifest-unusable',
      message,
      hint: 'this receipt is left aside; the next import writes a new one',
    });
  }
  return receipts;
}

function listed(
  stream: StoredStream,
  restorable: boolean,
): Omit<StreamListed, 'missing' | 'conflicting'> {
  const { store, directory, manifest, called, cost } = stream;
  const { kind, identity, parent, cloneSources, source } = manifest;
  return {
    type: 'stream-listed',
    stream: called,
    archive: store.location,
    directory,
    host: source.host,
    path: source.path,
    kind,
    ctransid: identity.ctransid,
    parent: parent && namedIdentity(parent),
    cloneSources: cloneSources.map(namedIdentity),
    restorable,
    length: manifest.stream.length,
    stored: cost,
    createdAt: manifest.createdAt,
    snapshotCreatedAt: source.createdAt,
  };
}

/** Damage before what is only too new. */
function worst(failures: readonly Failure[]): ExitCode {
  const codes = failures.map((failure) => failure.exitCode);
  return codes.includes(exit.damaged) ? exit.damaged : (codes[0] ?? exit.done);
}

function summary(streams: number, unrestorable: number, unusable: number): string {
  const parts: string[] = [];
  if (streams === 0) parts.push('no streams');
  if (unrestorable > 0) {
    parts.push(`${unrestorable} of ${streams} streams need what these archives do not have`);
  }
  if (unusable > 0) parts.push(`${unusable} ${unusable === 1 ? 'manifest' : 'manifests'} unusable`);
  return parts.join(', ');
}

function sum<T>(list: readonly T[], amount: (item: T) => number): number {
  return list.reduce((total, item) => total + amount(item), 0);
}
