import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import { isArchive, readCatalog, readHeader, type StoredStream } from '../../archive/catalog.ts';
import { HEADER_FILE } from '../../archive/layout.ts';
import { checkStored } from '../../archive/part.ts';
import { Failure } from '../../failure/failure.ts';
import { headerDocument } from '../../manifest/document.ts';
import { FORMAT_VERSION } from '../../manifest/format.ts';
import { abreast } from '../../store/abreast.ts';
import { type Lock, readWhole, type Store } from '../../store/store.ts';
import { storeAt } from '../archive-location.ts';
import type { Emit } from '../event.ts';
import { program } from '../program.ts';

/** An archive to export to. */
export interface Target {
  readonly store: Store;
  readonly streams: readonly StoredStream[];
}

/** Looks at archives, which need not exist, without changing anything. */
export async function lookAtTargets(locations: readonly string[], emit: Emit): Promise<Target[]> {
  const targets: Target[] = [];
  for (const store of locations.map(storeAt)) {
    await isHeaderWhole(store);
    targets.push({
      store,
      streams: (await isArchive(store)) ? await usableStreams(store, emit) : [],
    });
  }
  return targets;
}

/**
 * Opens archives for writing: each is locked, and made where there is none. Of several, those
 * that can't be opened are given up; the failure of the only one, or of all, is thrown.
 */
export async function openTargets(
  locations: readonly string[],
  label: string | undefined,
  emit: Emit,
): Promise<{ targets: Target[]; failed: Failure[]; release: () => Promise<void> }> {
  assertDifferent(locations);
  const locks: Lock[] = [];
  const targets: Target[] = [];
  const failed: Failure[] = [];
  const release = async () => {
    for (const lock of locks) await lock.release();
  };
  try {
    for (const store of locations.map(storeAt)) {
      try {
        await checkRoom(store);
        locks.push(await store.lock());
        await ensureHeader(store, label, emit);
        targets.push({ store, streams: await usableStreams(store, emit) });
      } catch (error) {
        if (!(error instanceof Failure) || locations.length === 1) throw error;
        failed.push(error);
        emit({ type: 'archive-failed', archive: store.location, failure: error });
      }
    }
    if (targets.length === 0) throw failed[0];
    return { targets, failed, release };
  } catch (error) {
    await release();
    throw error;
  }
}

/** Less than this is no room for anything, bytes. */
const LEAST_ROOM = 1024 * 1024;

/** Fails when an archive has no room at all. */
async function checkRoom(store: Store): Promise<void> {
  const free = await store.freeSpace();
  if (free === undefined || free >= LEAST_ROOM) return;
  throw new Failure('no-space', `no space left at ${store.location}`, {
    hint: 'make room there or use another drive',
    where: { path: store.location, found: `${free} bytes free` },
  });
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
  await store.put(HEADER_FILE, header);
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

function assertDifferent(locations: readonly string[]): void {
  const paths = locations.map((location) => resolve(location));
  const twice = locations.find((_, at) => paths.indexOf(paths[at] as string) !== at);
  if (twice === undefined) return;
  throw new Failure('usage', `${twice} is given twice`, { hint: 'name each archive once' });
}
