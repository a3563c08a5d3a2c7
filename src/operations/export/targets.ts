import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import { readCatalog, readHeader, readReceipts, type StoredStream } from '../../archive/catalog.ts';
import { HEADER_FILE } from '../../archive/layout.ts';
import { checkStored } from '../../archive/part.ts';
import { Failure } from '../../failure/failure.ts';
import { headerDocument } from '../../manifest/document.ts';
import { FORMAT_VERSION } from '../../manifest/format.ts';
import type { Receipt } from '../../manifest/schema.ts';
import { abreast } from '../../store/abreast.ts';
import type { Lock, Store } from '../../store/store.ts';
import { storeAt } from '../archive-location.ts';
import type { Emit } from '../event.ts';
import { program } from '../program.ts';

/** An archive to export to. */
export interface Target {
  readonly store: Store;
  readonly streams: readonly StoredStream[];
  /** What destinations left in it. */
  readonly receipts: readonly Receipt[];
}

/** Looks at archives, which need not exist, without changing anything. */
export async function lookAtTargets(locations: readonly string[], emit: Emit): Promise<Target[]> {
  const targets: Target[] = [];
  for (const store of locations.map(storeAt)) {
    const exists = (await readHeader(store)) !== undefined;
    const none: Target = { store, streams: [], receipts: [] };
    targets.push(exists ? await targetIn(store, emit) : none);
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
        await ensureHeader(store, label);
        targets.push(await targetIn(store, emit));
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

async function ensureHeader(store: Store, label: string | undefined): Promise<void> {
  if ((await readHeader(store)) !== undefined) return;
  const header = headerDocument.encode({
    format: 'btrferry/archive',
    version: FORMAT_VERSION,
    id: randomUUID(),
    ...(label === undefined ? {} : { label }),
    tool: program,
    createdAt: new Date().toISOString(),
  });
  await store.put(HEADER_FILE, header);
}

function assertDifferent(locations: readonly string[]): void {
  const paths = locations.map((location) => resolve(location));
  const twice = locations.find((_, at) => paths.indexOf(paths[at] as string) !== at);
  if (twice === undefined) return;
  throw new Failure('usage', `${twice} is given twice`, { hint: 'name each archive once' });
}
