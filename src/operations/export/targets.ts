import { HEADER_FILE, STREAMS } from '../../archive/layout.ts';
import { readCatalog } from '../../archive/read/catalog.ts';
import { readFingerprints, type StoredFingerprint } from '../../archive/read/fingerprints.ts';
import { isArchive } from '../../archive/read/header.ts';
import { checkStored } from '../../archive/read/integrity.ts';
import { readReceipts } from '../../archive/read/receipts.ts';
import { placeIn } from '../../archive/read/source.ts';
import type { StoredStream } from '../../archive/read/stored-stream.ts';
import type { OpenArchive } from '../../archive/write/drafts.ts';
import { ensureHeader } from '../../archive/write/header.ts';
import type { Emit } from '../../events/event.ts';
import type { Warning } from '../../events/warning.ts';
import { Failure } from '../../failure/failure.ts';
import type { Receipt } from '../../manifest/schema.ts';
import { concurrently } from '../../store/concurrently.ts';
import { kindOf, locationKey, writableStoreAt } from '../../store/location.ts';
import type { Lock, WritableStore } from '../../store/store.ts';
import { mediumOf, unfit } from '../archives/medium.ts';
import type { SourceFacts } from './facts.ts';
import type { ExportOptions } from './options.ts';
import { segmentsIn } from './segments.ts';
import { exportedOf, onSource } from './source-medium.ts';

/** An archive to export to. */
export interface Target {
  readonly store: WritableStore;
  readonly streams: readonly StoredStream[];
  /** The receipts that destinations left in it. */
  readonly receipts: readonly Receipt[];
  readonly fingerprints: readonly StoredFingerprint[];
}

/** A target that this export has locked. */
export type OpenTarget = Target & OpenArchive & { readonly release: () => Promise<void> };

/** The archives of an export, and the failures of those that are left out. */
interface Targets<T extends Target> {
  readonly targets: T[];
  readonly failed: Failure[];
}

/** The facts that decide which archives an export can use. */
export interface Request {
  readonly stores: readonly WritableStore[];
  readonly options: ExportOptions;
  readonly source: SourceFacts;
  readonly emit: Emit;
  /** Gives the label of an archive that is made, if not all get that of the options. */
  readonly label?: () => string | undefined;
}

/**
 * Opens the stores that the command line names.
 *
 * @throws {Failure} `usage`, `archive-unfit`
 */
export function storesFor(
  { to, mode, storageClass }: ExportOptions,
  signal: AbortSignal,
): WritableStore[] {
  const keys = to.map(locationKey);
  const twice = to.find((_, at) => keys.indexOf(keys[at] as string) !== at);
  if (twice !== undefined) {
    throw new Failure('usage', `${twice} is given twice`, { hint: 'name each archive once' });
  }
  return to.map((location) => writableStoreAt(location, { mode, storageClass, signal }));
}

/** Examines archives, which need not exist, without changing anything. */
export function lookAtTargets(request: Request): Promise<Targets<Target>> {
  const { emit } = request;
  return eachOf(request, async (store) =>
    (await isArchive(store))
      ? targetIn(store, emit)
      : { store, streams: [], receipts: [], fingerprints: [] },
  );
}

/** Locks archives for writing, and makes those that do not exist. */
export async function openTargets(
  request: Request,
): Promise<Targets<OpenTarget> & { release: () => Promise<void> }> {
  const { options, emit } = request;
  const locks: Lock[] = [];
  const release = async () => {
    for (const lock of locks) await lock.release();
  };
  try {
    const opened = await eachOf(request, async (store) => {
      const lock = await store.lock();
      locks.push(lock);
      const label =
        request.label === undefined ? options.label : await newLabel(store, request.label);
      warnOfNewHeader(store, await ensureHeader(store, label), emit);
      return { ...(await targetIn(store, emit)), lost: lock.lost, release: lock.release };
    });
    return { ...opened, release };
  } catch (error) {
    await release();
    throw error;
  }
}

/** Takes a label only for an archive that does not exist. */
async function newLabel(
  store: WritableStore,
  label: () => string | undefined,
): Promise<string | undefined> {
  return (await isArchive(store)) ? undefined : label();
}

/**
 * Opens the archives one by one. If there are several, leaves out those that fail.
 *
 * @throws the failure of the only archive, or of the first if all fail
 */
async function eachOf<T extends Target>(
  request: Request,
  open: (store: WritableStore) => Promise<T>,
): Promise<Targets<T>> {
  const { stores, options, emit } = request;
  const targets: T[] = [];
  const failed: Failure[] = [];
  for (const store of stores) {
    try {
      await checkMedium(store, request);
      targets.push(await open(store));
    } catch (error) {
      if (!(error instanceof Failure) || stores.length === 1 || options.span) throw error;
      failed.push(error);
      emit({ type: 'archive-failed', archive: store.location, failure: error });
    }
  }
  if (targets.length === 0) throw failed[0];
  return { targets, failed };
}

/** Refuses a place that cannot or should not hold an archive, before anything is written. */
async function checkMedium(
  store: WritableStore,
  { options, source, emit }: Request,
): Promise<void> {
  const isRemote = kindOf(store.location) === 'object store';
  const medium = isRemote ? undefined : await mediumOf(store.location);
  const failure = medium && unfit(medium, exportedOf(source), options.create);
  if (failure !== undefined) throw failure;
  if (options.requireArchive && !(await isArchive(store))) {
    throw new Failure('not-an-archive', `there is no archive at ${store.location}`, {
      hint: 'check that the drive is mounted; to make an archive, leave out --require-archive',
      where: { archive: store.location },
    });
  }
  const warning = medium && onSource(medium, source);
  if (warning !== undefined) emit(warning);
}

async function targetIn(store: WritableStore, emit: Emit): Promise<Target> {
  const streams = await usableStreams(store, emit);
  const { receipts } = await readReceipts(store);
  const { fingerprints, damaged } = await readFingerprints(store);
  for (const { directory, failure } of damaged) emit(absentWarning(directory, failure));
  return { store, streams, receipts, fingerprints };
}

/**
 * Returns the streams whose parts are all there and have their length. Warns of the others and of
 * damaged manifests: the plan takes both for missing.
 */
async function usableStreams(store: WritableStore, emit: Emit): Promise<readonly StoredStream[]> {
  const { streams, damaged } = await readCatalog(store);
  const unusable = new Set<StoredStream>();
  await concurrently(streams, async (stream) => {
    const { source, manifest } = stream;
    const here = manifest.parts.filter(({ medium }) => typeof medium !== 'object');
    const parts = new Set(here.map(({ file }) => placeIn(source, file).file));
    const failure = (await checkStored(stream)).find(({ where }) => parts.has(where.file ?? ''));
    if (failure === undefined) return;
    unusable.add(stream);
    emit({
      type: 'warning',
      code: 'stream-unusable',
      message: `${source.directory} counts as absent: ${failure.message}`,
      hint: 'to export it again, move that directory out of the archive first',
    });
  });
  const segments = new Set((await segmentsIn(store)).map((each) => `${STREAMS}/${each.directory}`));
  for (const { directory, failure } of damaged) {
    if (!segments.has(directory)) emit(absentWarning(directory, failure));
  }
  return streams.filter((stream) => !unusable.has(stream));
}

function absentWarning(directory: string, { message }: Failure): Warning {
  return {
    type: 'warning',
    code: 'manifest-unusable',
    message: `${directory} counts as absent: ${message}`,
  };
}

function warnOfNewHeader({ location }: WritableStore, aside: string | undefined, emit: Emit): void {
  if (aside === undefined) return;
  emit({
    type: 'warning',
    code: 'header-replaced',
    message: `${HEADER_FILE} of ${location} was damaged: there is a new one, and the old one is ${aside}`,
  });
}
