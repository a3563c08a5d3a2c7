import { randomUUID } from 'node:crypto';
import { type Catalog, readCatalog, readHeader } from '../../archive/catalog.ts';
import { HEADER_FILE } from '../../archive/layout.ts';
import { requireRoot } from '../../btrfs/privilege.ts';
import { headerDocument } from '../../manifest/document.ts';
import { FORMAT_VERSION } from '../../manifest/schema.ts';
import type { Store } from '../../store/store.ts';
import { checkLevel } from '../../zstd/engines.ts';
import { FramePool } from '../../zstd/pool.ts';
import { storeAt } from '../archive-location.ts';
import type { ExportPlanned, Result } from '../event.ts';
import type { Deps, Operation } from '../operation.ts';
import { program } from '../program.ts';
import { parentCandidates, type SourceFacts, sourceFacts } from './facts.ts';
import { checkPartSize, type ExportOptions } from './options.ts';
import { type ExportPlan, planExport, type Snapshot } from './plan.ts';
import { chooseProtocol } from './protocol.ts';
import { checkRoom, checkTarget } from './room.ts';
import { exportStream } from './stream.ts';

/** Adds streams to an archive, making it where there is none. */
export const runExport: Operation<ExportOptions> = async (options, deps) => {
  const started = performance.now();
  requireRoot('export');
  checkLevel(options.level);
  checkPartSize(options.maxPartSize);
  const protocol = await chooseProtocol(options);
  const store = storeAt(options.to);
  const source = await sourceFacts(options, deps.signal);
  await checkTarget(options.to, deps.emit);

  if (options.dryRun) {
    const catalog = await existingCatalog(store);
    const plan = await makePlan(source, catalog, deps);
    announce(plan, options, deps);
    return result(plan, { dryRun: true, bytes: 0, stored: 0, started });
  }

  await checkRoom(store, source, deps.emit);
  const lock = await store.lock();
  const pool = new FramePool({ signal: deps.signal });
  try {
    await ensureHeader(store, options.label);
    const plan = await makePlan(source, await readCatalog(store), deps);
    announce(plan, options, deps);
    let [bytes, stored] = [0, 0];
    for (const [at, step] of plan.steps.entries()) {
      deps.signal.throwIfAborted();
      const compressed = source.filesystems.some((filesystem) => filesystem.compressed);
      const done = await exportStream(step, {
        store,
        pool,
        protocol: protocol(compressed),
        level: options.level,
        maxPartSize: options.maxPartSize,
        place: { index: at + 1, count: plan.steps.length },
        deps,
      });
      bytes += done.bytes;
      stored += done.stored;
    }
    return result(plan, { dryRun: false, bytes, stored, started });
  } finally {
    await pool.close();
    await lock.release();
  }
};

async function existingCatalog(store: Store): Promise<Catalog | undefined> {
  return (await readHeader(store)) === undefined ? undefined : readCatalog(store);
}

async function makePlan(
  source: SourceFacts,
  catalog: Catalog | undefined,
  { emit, signal }: Deps,
): Promise<ExportPlan> {
  const archived = catalog?.streams ?? [];
  for (const { directory, failure } of catalog?.damaged ?? []) {
    emit({
      type: 'warning',
      code: 'manifest-unusable',
      message: `${directory} counts as absent: ${failure.message}`,
    });
  }
  const candidates = await parentCandidates(source, archived, signal);
  const { asked, parent, cloneSources } = source;
  return planExport({ asked, parent, cloneSources, candidates, archived });
}

function announce(plan: ExportPlan, options: ExportOptions, { emit }: Deps): void {
  for (const warning of plan.warnings) emit(warning);
  const planned: ExportPlanned = {
    type: 'export-planned',
    archive: options.to,
    dryRun: options.dryRun,
    steps: plan.steps.map(({ snapshot, parent, cloneSources, reason }) => ({
      snapshot: streamName(snapshot),
      path: snapshot.path,
      parent: parent === null ? null : streamName(parent),
      cloneSources: cloneSources.map(streamName),
      reason,
    })),
    skipped: plan.skipped.map(streamName),
  };
  emit(planned);
}

export function streamName({ name, identity }: Snapshot): { name: Snapshot['name']; uuid: string } {
  return { name, uuid: identity.uuid };
}

/** Makes the archive, where there is none. Called under the lock. */
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

function result(
  plan: ExportPlan,
  done: { dryRun: boolean; bytes: number; stored: number; started: number },
): Result {
  return {
    type: 'result',
    command: 'export',
    exit: 0,
    done: done.dryRun ? 0 : plan.steps.length,
    skipped: plan.skipped.length,
    bytes: done.bytes,
    stored: done.stored,
    seconds: (performance.now() - done.started) / 1000,
    dryRun: done.dryRun,
    summary: '',
  };
}
