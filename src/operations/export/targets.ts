import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import {
  isArchive,
  readCatalog,
  readHeader,
  readReceipts,
  type StoredStream,
} from '../../archive/catalog.ts';
import { HEADER_FILE } from '../../archive/layout.ts';
import { checkStored } from '../../archive/part.ts';
import { README_FILE, readmeText } from '../../archive/readme.ts';
import { Failure } from '../../failure/failure.ts';
import { headerDocument } from '../../manifest/document.ts';
import { FORMAT_VERSION } from '../../manifest/format.ts';
import type { Receipt } from '../../manifest/schema.ts';
import { abreast } from '../../store/abreast.ts';
import { type Lock, readWhole, type Store } from '../../store/store.ts';
import { storeAt } from '../archive-location.ts';
import type { Emit } from '../event.ts';
import { program } from '../program.ts';
import type { SourceFacts } from './facts.ts';
import { exportedOf, mediumOf, onSource, unfit } from './medium.ts';
import type { ExportOptions } from './options.ts';

/** An archive to export to. */
export interface Target {
  readonly store: Store;
  readonly streams: readonly StoredStream[];
  /** What destinations left in it. */
  readonly receipts: readonly Receipt[];
}

/** The archives of an export, and why others were given up. */
interface Targets {
  readonly targets: Target[];
  readonly failed: Failure[];
}

/** What decides about the archives of an export. */
interface Request {
  readonly stores: readonly Store[];
  readonly options: ExportOptions;
  readonly source: SourceFacts;
  readonly emit: Emit;
}

/**
 * The stores that the command line names.
 *
 * @throws {Failure} `usage`
 */
export function storesFor({ to, mode }: ExportOptions): Store[] {
  const paths = to.map((location) => resolve(location));
  const twice = to.find((_, at) => paths.indexOf(paths[at] as string) !== at);
  if (twice !== undefined) {
    throw new Failure('usage', `${twice} is given twice`, { hint: 'name each archive once' });
  }
  return to.map((location) => storeAt(location, mode));
}

/** Looks at archives, which need not exist, without changing anything. */
export function lookAtTargets(request: Request): Promise<Targets> {
  const { emit } = request;
  return eachOf(request, async (store) =>
    (await isArchive(store)) ? targetIn(store, emit) : { store, streams: [], receipts: [] },
  );
}

/** Opens archives for writing: each is locked, and made where there is none. */
export async function openTargets(
  request: Request,
): Promise<Targets & { release: () => Promise<void> }> {
  const { options, emit } = request;
  const locks: Lock[] = [];
  const release = async () => {
    for (const lock of locks) await lock.release();
  };
  try {
    const opened = await eachOf(request, async (store) => {
      locks.push(await store.lock());
      await ensureHeader(store, options.label, emit);
      return targetIn(store, emit);
    });
    return { ...opened, release };
  } catch (error) {
    await release();
    throw error;
  }
}

/**
 * Of several archives, those that can't be used are given up; the failure of the only one, or of
 * the first where all fail, is thrown.
 */
async function eachOf(request: Request, open: (store: Store) => Promise<Target>): Promise<Targets> {
  const { stores, emit } = request;
  const targets: Target[] = [];
  const failed: Failure[] = [];
  for (const store of stores) {
    try {
      await checkMedium(store, request);
      targets.push(await open(store));
    } catch (error) {
      if (!(error instanceof Failure) || stores.length === 1) throw error;
      failed.push(error);
      emit({ type: 'archive-failed', archive: store.location, failure: error });
    }
  }
  if (targets.length === 0) throw failed[0];
  return { targets, failed };
}

/** Fails, before anything is written, where an archive can't be or is not there. */
async function checkMedium(store: Store, { options, source, emit }: Request): Promise<void> {
  const medium = await mediumOf(store.location);
  const failure = unfit(medium, exportedOf(source), options.create);
  if (failure !== undefined) throw failure;
  if (options.requireArchive && !(await isArchive(store))) {
    throw new Failure('not-an-archive', `there is no archive at ${store.location}`, {
      hint: 'check that the drive is mounted; without --require-archive a new one is made',
      where: { path: store.location },
    });
  }
  const warning = onSource(medium, source);
  if (warning !== undefined) emit(warning);
}

async function targetIn(store: Store, emit: Emit): Promise<Target> {
  const streams = await usableStreams(store, emit);
  const { receipts } = await readReceipts(store);
  return { store, streams, receipts };
}

async function usableStreams(store: Store, emit: Emit): Promise<readonly StoredStream[]> {
  const { streams, damaged } = await readCatalog(store);
  const spoiled = new Set<StoredStream>();
  await abreast(streams, async (stream) => {
    const parts = new Set(stream.manifest.parts.map(({ file }) => `${stream.directory}/${file}`));
    const failure = (await checkStored(stream)).find(({ where }) => parts.has(where.file ?? ''));
    if (failure === undefined) return;
    spoiled.add(stream);
    emit({
      type: 'warning',
      code: 'stream-unusable',
      message: `${stream.directory} counts as absent: ${failure.message}`,
      hint: 'to export it again, move that directory out of the archive first',
    });
  });
  for (const { directory, failure } of damaged) {
    emit({
      type: 'warning',
      code: 'manifest-unusable',
      message: `${directory} counts as absent: ${failure.message}`,
    });
  }
  return streams.filter((stream) => !spoiled.has(stream));
}

/**
 * Whether there is a header that is what was written; false for one that is broken.
 * @throws Failure `format-version`, `format-feature`, `read-failed`: such a one is not replaced
 */
async function isHeaderWhole(store: Store): Promise<boolean> {
  try {
    return (await readHeader(store)) !== undefined;
  } catch (error) {
    if (error instanceof Failure && error.code === 'manifest-damaged') return false;
    throw error;
  }
}

async function ensureHeader(store: Store, label: string | undefined, emit: Emit): Promise<void> {
  if (await isHeaderWhole(store)) return;
  await setHeaderAside(store, emit);
  const header = headerDocument.encode({
    format: 'btrferry/archive',
    version: FORMAT_VERSION,
    features: [],
    id: randomUUID(),
    ...(label === undefined ? {} : { label }),
    tool: program,
    createdAt: new Date().toISOString(),
  });
  await ensureReadme(store);
  await store.put(HEADER_FILE, header);
}

/** A file of that name may be someone else's. FAT takes large letters for small ones. */
async function ensureReadme(store: Store): Promise<void> {
  const top = await store.list('');
  if (top.some(({ name }) => name.toUpperCase() === README_FILE.toUpperCase())) return;
  await store.put(README_FILE, Buffer.from(readmeText(program)));
}

/** What is left of a broken header is kept: it may be all that tells which archive this was. */
async function setHeaderAside(store: Store, emit: Emit): Promise<void> {
  const top = await store.list('');
  if (!top.some(({ name }) => name === HEADER_FILE)) return;
  const bytes = await readWhole(store.read(HEADER_FILE), headerDocument.limit);
  const aside = `${HEADER_FILE}.damaged`;
  if (bytes === undefined || top.some(({ name }) => name === aside)) {
    throw new Failure('manifest-damaged', `${HEADER_FILE} of ${store.location} is damaged`, {
      hint: 'move this file aside: the streams do not need it, and the next export makes a new one',
      where: { file: HEADER_FILE },
    });
  }
  await store.put(aside, bytes);
  emit({
    type: 'warning',
    code: 'header-replaced',
    message: `${HEADER_FILE} of ${store.location} was damaged, and is made anew; the old one is ${aside} now`,
  });
}
