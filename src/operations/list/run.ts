import {
  type Catalog,
  readCatalog,
  readReceipts,
  type StoredStream,
} from '../../archive/catalog.ts';
import { groupBy, type Present, receivable, unmetBy } from '../../archive/graph.ts';
import { type ExitCode, exit, Failure } from '../../failure/failure.ts';
import type { Receipt } from '../../manifest/schema.ts';
import type { Store } from '../../store/store.ts';
import { storeAt } from '../archive-location.ts';
import type { Emit, StreamListed } from '../event.ts';
import { warnOfHeaders } from '../headers.ts';
import type { Operation } from '../operation.ts';
import { identityOf } from '../requirement.ts';

export interface ListOptions {
  readonly archives: readonly string[];
}

/** Lists the streams of archives; the archives complete each other. */
export const runList: Operation<ListOptions> = async ({ archives }, { emit, signal }) => {
  const begun = performance.now();
  const catalogs: Catalog[] = [];
  const receipts: Receipt[] = [];
  for (const location of archives) {
    if (signal.aborted) throw new Failure('interrupted', 'interrupted');
    const store = storeAt(location);
    catalogs.push(await readCatalog(store));
    receipts.push(...(await usableReceipts(store, emit)));
  }
  warnOfHeaders(catalogs, emit);
  const streams = catalogs.flatMap((catalog) => catalog.streams);
  const provides = providers(streams, receipts);
  const restorable = new Set(receivable(streams, []));

  for (const catalog of catalogs) {
    for (const stream of catalog.streams) {
      emit(listed(stream, provides, restorable.has(stream)));
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

/** What streams and receipts provide, by UUID. */
function providers(
  streams: readonly StoredStream[],
  receipts: readonly Receipt[],
): Map<string, Present[]> {
  const vouched = receipts.flatMap((receipt) => receipt.subvolumes);
  return groupBy<Present>([...streams, ...vouched], (provider) => provider.uuid);
}

function listed(
  stream: StoredStream,
  provides: ReadonlyMap<string, Present[]>,
  restorable: boolean,
): StreamListed {
  const { store, directory, manifest, cost } = stream;
  const { name, kind, identity, parent, cloneSources } = manifest;
  return {
    type: 'stream-listed',
    stream: { name, uuid: identity.uuid },
    archive: store.location,
    directory,
    kind,
    ctransid: identity.ctransid,
    parent: parent && identityOf(parent),
    cloneSources: cloneSources.map(identityOf),
    missing: unmetBy(stream, provides).map(identityOf),
    restorable,
    length: manifest.stream.length,
    stored: cost,
    createdAt: manifest.createdAt,
    snapshotCreatedAt: manifest.source.createdAt,
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
