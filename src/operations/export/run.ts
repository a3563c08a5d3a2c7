import { receiptRecords } from '../../archive/read/receipts.ts';
import { lookAtStanding } from '../../btrfs/standing.ts';
import { infoAt } from '../../btrfs/subvolume.ts';
import type { ExportPlanned, ExportResult } from '../../events/export.ts';
import { exit, type Failure } from '../../failure/failure.ts';
import { requireRoot } from '../../process/privilege.ts';
import type { Store } from '../../store/store.ts';
import { checkLevel } from '../../zstd/engines.ts';
import { FramePool } from '../../zstd/pool.ts';
import type { Context, Operation } from '../operation.ts';
import { archiveStanding } from './archive-standing.ts';
import {
  archivedKin,
  parentCandidates,
  recordedHere,
  type SourceFacts,
  sourceFacts,
} from './facts.ts';
import { measureStream, sendOptions } from './measure.ts';
import { type NameOf, namesOf } from './names.ts';
import { checkPartSize, type ExportOptions } from './options.ts';
import { sizeKey, weighedParents } from './parent.ts';
import { type ExportPlan, planExport } from './plan.ts';
import { chooseProtocol, type Protocol } from './protocol.ts';
import { checkFit } from './room.ts';
import { type ExportFacts, inOrderOfCreation, type Snapshot } from './snapshot.ts';
import { exportStream } from './stream.ts';
import { lookAtTargets, type OpenTarget, openTargets, storesFor, type Target } from './targets.ts';

/** Adds streams to archives, making those that are not there. */
export const runExport: Operation<ExportOptions, ExportResult> = async (options, context) => {
  const started = performance.now();
  const stores = storesFor(options);
  requireRoot('export');
  checkLevel(options.level);
  checkPartSize(options.maxPartSize);
  const protocolFor = await chooseProtocol(options);
  const source = await sourceFacts(options, context.signal);
  const protocol = protocolFor(source.filesystems.some(({ compressed }) => compressed));
  const request = { stores, options, source, emit: context.emit };

  if (options.dryRun) {
    const { targets, failed } = await lookAtTargets(request);
    const { plan, nameOf } = await makePlan(options, source, targets, protocol, context);
    announce(plan, nameOf, options, targets, context);
    return result(plan, { dryRun: true, bytes: 0, stored: 0, failed, started });
  }

  const { targets, failed, release } = await openTargets(request);
  const pool = new FramePool({ signal: context.signal });
  try {
    const { plan, nameOf, sizes } = await makePlan(options, source, targets, protocol, context);
    announce(plan, nameOf, options, targets, context);
    const expected = await checkFit({ plan, sizes, source, targets, protocol, context });
    let [bytes, stored] = [0, 0];
    const gone = new Set<Store>();
    for (const [at, step] of plan.steps.entries()) {
      context.signal.throwIfAborted();
      const archives = step.archives
        .map((index) => targets[index] as OpenTarget)
        .filter(({ store }) => !gone.has(store));
      const done = await exportStream(step, {
        archives,
        pool,
        protocol,
        level: options.level,
        maxPartSize: options.maxPartSize,
        nameOf,
        size: expected.get(step),
        place: { index: at + 1, count: plan.steps.length },
        context,
        onFailure: (store, failure) => {
          gone.add(store);
          failed.push(failure);
          context.emit({ type: 'archive-failed', archive: store.location, failure });
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
  { signal }: Context,
): Promise<{ plan: ExportPlan; nameOf: NameOf; sizes: ReadonlyMap<string, number> }> {
  const archived = targets.flatMap(({ streams }) => streams);
  const archives = targets.map(({ streams, receipts }) => ({
    streams,
    receipts: receipts.map((receipt) => receiptRecords([receipt])),
  }));
  const { asked, parent, cloneSources } = source;
  const recorded = [...archived, ...archives.flatMap(({ receipts }) => receipts.flat())];
  let facts: ExportFacts = {
    asked,
    parent,
    cloneSources,
    candidates: await parentCandidates(source, recorded),
    archives,
    here: recordedHere(source, recorded),
    kin: archivedKin(source, archived),
    requireIncremental: options.requireIncremental,
  };
  for (;;) {
    const sizes = await weigh(facts, protocol, signal);
    const plan = planExport({ ...facts, sizes });
    const changed = await changedParents(plan, signal);
    if (changed.size === 0) return { plan, nameOf: namesOf(plan, archived), sizes };
    facts = { ...facts, candidates: facts.candidates.filter((each) => !changed.has(each)) };
  }
}

/** Looks at the files of parents, where nothing else tells whether they were changed. */
async function changedParents({ steps }: ExportPlan, signal: AbortSignal): Promise<Set<Snapshot>> {
  const changed = new Set<Snapshot>();
  for (const parent of new Set(steps.map((step) => step.parent))) {
    if (parent === null || parent.standing === 'genuine') continue;
    const standing = await lookAtStanding(parent.path, await infoAt(parent.path), signal);
    if (standing !== 'genuine') changed.add(parent);
  }
  return changed;
}

/** Measures the stream of each snapshot from each parent that comes into question. */
async function weigh(
  facts: ExportFacts,
  protocol: Protocol,
  signal: AbortSignal,
): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  const { parent: by } = facts;
  if (by !== 'auto' && by !== 'best') return sizes;
  const standing = archiveStanding(facts);
  const earlier: Snapshot[] = [];
  for (const snapshot of inOrderOfCreation(facts.asked)) {
    const archives = [...facts.archives.keys()].filter((at) => !standing.holds(at, snapshot));
    if (archives.length === 0) continue;
    const usable = facts.candidates.filter((each) => standing.restorable(each, archives));
    const parents = weighedParents(by, snapshot, [...usable, ...earlier]);
    const compared = by === 'best' || parents.length > 0 ? [null, ...parents] : [];
    for (const parent of compared) {
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
  { emit }: Context,
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
): ExportResult {
  return {
    type: 'result',
    command: 'export',
    exit: done.failed.length > 0 ? exit.partial : plan.stranded ? exit.missing : exit.done,
    done: done.dryRun ? 0 : plan.steps.length,
    skipped: plan.skipped.length,
    ...(done.failed.length > 0 ? { refused: done.failed.length } : {}),
    bytes: done.bytes,
    stored: done.stored,
    seconds: (performance.now() - done.started) / 1000,
    dryRun: done.dryRun,
  };
}
