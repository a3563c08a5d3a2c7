import { requireRoot } from '../../btrfs/privilege.ts';
import { exit, type Failure } from '../../failure/failure.ts';
import type { Store } from '../../store/store.ts';
import { checkLevel } from '../../zstd/engines.ts';
import { FramePool } from '../../zstd/pool.ts';
import type { ExportPlanned, Result } from '../event.ts';
import type { Deps, Operation } from '../operation.ts';
import { parentCandidates, type SourceFacts, sourceFacts } from './facts.ts';
import { measureStream, sendOptions } from './measure.ts';
import { type NameOf, namesOf } from './names.ts';
import { checkPartSize, type ExportOptions } from './options.ts';
import {
  type ExportFacts,
  type ExportPlan,
  inOrderOfCreation,
  planExport,
  type Snapshot,
  sizeKey,
  usableParents,
  weighedParents,
} from './plan.ts';
import { chooseProtocol, type Protocol } from './protocol.ts';
import { checkFit, checkTarget } from './room.ts';
import { exportStream } from './stream.ts';
import { lookAtTargets, openTargets, type Target } from './targets.ts';

/** Adds streams to archives, making those that are not there. */
export const runExport: Operation<ExportOptions> = async (options, deps) => {
  const started = performance.now();
  requireRoot('export');
  checkLevel(options.level);
  checkPartSize(options.maxPartSize);
  const protocolFor = await chooseProtocol(options);
  const source = await sourceFacts(options, deps.signal);
  const protocol = protocolFor(source.filesystems.some(({ compressed }) => compressed));
  for (const location of options.to) await checkTarget(location, deps.emit);

  if (options.dryRun) {
    const targets = await lookAtTargets(options.to, deps.emit);
    const { plan, nameOf } = await makePlan(options, source, targets, protocol, deps);
    announce(plan, nameOf, options, targets, deps);
    return result(plan, { dryRun: true, bytes: 0, stored: 0, failed: [], started });
  }

  const { targets, failed, release } = await openTargets(options.to, options.label, deps.emit);
  const pool = new FramePool({ signal: deps.signal });
  try {
    const { plan, nameOf, sizes } = await makePlan(options, source, targets, protocol, deps);
    announce(plan, nameOf, options, targets, deps);
    const expected = await checkFit({ plan, sizes, source, targets, protocol, deps });
    let [bytes, stored] = [0, 0];
    const gone = new Set<Store>();
    for (const [at, step] of plan.steps.entries()) {
      deps.signal.throwIfAborted();
      const stores = step.archives
        .map((index) => (targets[index] as Target).store)
        .filter((store) => !gone.has(store));
      const done = await exportStream(step, {
        stores,
        pool,
        protocol,
        level: options.level,
        maxPartSize: options.maxPartSize,
        nameOf,
        size: expected.get(step),
        place: { index: at + 1, count: plan.steps.length },
        deps,
        onFailure: (store, failure) => {
          gone.add(store);
          failed.push(failure);
          deps.emit({ type: 'archive-failed', archive: store.location, failure });
        },
      });
      bytes += done.bytes;
      stored += done.stored;
    }
    return result(plan, { dryRun: false, bytes, stored, failed, started });
  } finally {
    await pool.close();
    await release();
  }
};

async function makePlan(
  options: ExportOptions,
  source: SourceFacts,
  targets: readonly Target[],
  protocol: Protocol,
  { signal }: Deps,
): Promise<{ plan: ExportPlan; nameOf: NameOf; sizes: ReadonlyMap<string, number> }> {
  const archives = targets.map(({ streams }) => streams);
  const candidates = await parentCandidates(source, archives.flat(), signal);
  const { asked, parent, cloneSources } = source;
  const facts = { asked, parent, cloneSources, candidates, archives };
  const sizes = options.parent === 'best' ? await weigh(facts, protocol, signal) : new Map();
  const plan = planExport({ ...facts, sizes });
  return { plan, nameOf: namesOf(plan, archives.flat()), sizes };
}

/** Measures the stream of each snapshot from each parent that comes into question. */
async function weigh(
  facts: ExportFacts,
  protocol: Protocol,
  signal: AbortSignal,
): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  const earlier: Snapshot[] = [];
  for (const snapshot of inOrderOfCreation(facts.asked)) {
    const parents = weighedParents(snapshot, [...usableParents(facts), ...earlier]);
    for (const parent of [null, ...parents]) {
      const size = await measureStream(sendOptions(snapshot, parent, [], protocol, signal));
      sizes.set(sizeKey(snapshot, parent), size);
    }
    earlier.push(snapshot);
  }
  return sizes;
}

function announce(
  plan: ExportPlan,
  nameOf: NameOf,
  { dryRun }: ExportOptions,
  targets: readonly Target[],
  { emit }: Deps,
): void {
  const locations = targets.map(({ store }) => store.location);
  for (const warning of plan.warnings) emit(warning);
  const planned: ExportPlanned = {
    type: 'export-planned',
    archives: locations,
    dryRun,
    steps: plan.steps.map(({ snapshot, parent, cloneSources, reason, archives }) => ({
      snapshot: nameOf(snapshot),
      path: snapshot.path,
      parent: parent === null ? null : nameOf(parent),
      cloneSources: cloneSources.map(nameOf),
      reason,
      archives: archives.map((index) => locations[index] as string),
    })),
    skipped: plan.skipped.map(nameOf),
  };
  emit(planned);
}

function result(
  plan: ExportPlan,
  done: {
    dryRun: boolean;
    bytes: number;
    stored: number;
    failed: readonly Failure[];
    started: number;
  },
): Result {
  return {
    type: 'result',
    command: 'export',
    exit: done.failed.length > 0 ? exit.partial : exit.done,
    done: done.dryRun ? 0 : plan.steps.length,
    skipped: plan.skipped.length,
    ...(done.failed.length > 0 ? { refused: done.failed.length } : {}),
    bytes: done.bytes,
    stored: done.stored,
    seconds: (performance.now() - done.started) / 1000,
    dryRun: done.dryRun,
    summary: '',
  };
}
