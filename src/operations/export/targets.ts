import { randomUUID } from 'node:crypto';
import { readCatalog, readHeader, type StoredStream } from '../../archive/catalog.ts';
import { HEADER_FILE } from '../../archive/layout.ts';
import { Failure } from '../../failure/failure.ts';
import { headerDocument } from '../../manifest/document.ts';
import { FORMAT_VERSION } from '../../manifest/schema.ts';
import type { Lock, Store } from '../../store/store.ts';
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
    const exists = (await readHeader(store)) !== undefined;
    targets.push({ store, streams: exists ? await usableStreams(store, emit) : [] });
  }
  return targets;
}

/** Opens archives for writing: each is locked, and made where there is none. */
export async function openTargets(
  locations: readonly string[],
  label: string | undefined,
  emit: Emit,
): Promise<{ targets: Target[]; release: () => Promise<void> }> {
  const locks: Lock[] = [];
  const release = async () => {
    for (const lock of locks) await lock.release();
  };
  try {
    const targets: Target[] = [];
    for (const store of locations.map(storeAt)) {
      locks.push(await store.lock());
      await ensureHeader(store, label);
      targets.push({ store, streams: await usableStreams(store, emit) });
    }
    assertDifferent(targets);
    return { targets, release };
  } catch (error) {
    await release();
    throw error;
  }
}

async function usableStreams(store: Store, emit: Emit): Promise<readonly StoredStream[]> {
  const { streams, damaged } = await readCatalog(store);
  for (const { directory, failure } of damaged) {
    emit({
      type: 'warning',
      code: 'manifest-unusable',
      message: `${directory} counts as absent: ${failure.message}`,
    });
  }
  return streams;
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

function assertDifferent(targets: readonly Target[]): void {
  const locations = targets.map(({ store }) => store.location);
  const twice = locations.find((location, at) => locations.indexOf(location) !== at);
  if (twice === undefined) return;
  throw new Failure('usage', `${twice} is given twice`, { hint: 'name each archive once' });
}
