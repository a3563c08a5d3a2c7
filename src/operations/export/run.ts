import type { Emit } from '../../events/event.ts';
import type { ExportPlanned, ExportResult } from '../../events/export.ts';
import { exit, type Failure } from '../../failure/failure.ts';
import { requireRoot } from '../../process/privilege.ts';
import type { Store } from '../../store/store.ts';
import { checkLevel } from '../../zstd/engines.ts';
import { FramePool } from '../../zstd/pool.ts';
import type { Context, Operation } from '../operation.ts';
import { protectAll } from '../protect/run.ts';
import { assertTakesParity } from '../protect/store.ts';
import { knownReceipts } from './destination.ts';
import { sourceFacts } from './facts.ts';
import { checkFit } from './fit.ts';
import type { NameOf } from './names.ts';
import { checkPartSize, type ExportOptions } from './options.ts';
import type { ExportPlan, ExportStep } from './plan.ts';
import { chooseProtocol, type Protocol } from './protocol.ts';
import { exportStream } from './stream.ts';
import { lookAtTargets, type OpenTarget, openTargets, storesFor, type Target } from './targets.ts';
import { planWeighed } from './weighed-plan.ts';

/** Adds streams to archives, and makes the archives that do not exist. */
export const runExport: Operation<ExportOptions, ExportResult> = async (options, context) => {
  const started = performance.now();
  const { emit, signal, ledger } = context;
  const stores = storesFor(options, signal);
  if (options.parity !== undefined) options.to.forEach(assertTakesParity);
  requireRoot('export');
  checkLevel(options.level);
  checkPartSize(options.maxPartSize);
  const protocolFor = await chooseProtocol(options);
  const receipts = await knownReceipts(options, stores, ledger);
  const source = await sourceFacts(options, signal);
  const protocol = protocolFor(source.filesystems.some(({ compressed }) => compressed));
  const request = { stores, options, source, emit };
  const planFor = async (targets: readonly Target[]) => {
    const weighed = await planWeighed(options, source, targets, receipts, protocol, signal);
    announce(weighed.plan, weighed.nameOf, options, targets, emit);
    return weighed;
  };

  if (options.dryRun) {
    const { targets, failed } = await lookAtTargets(request);
    const { plan } = await planFor(targets);
    return resultOf(plan, options, { bytes: 0, stored: 0 }, failed, started);
  }

  const { targets, failed, release } = await openTargets(request);
  try {
    const { plan, nameOf, sizes } = await planFor(targets);
    const expected = await checkFit({ plan, sizes, source, targets, protocol, context });
    const job = { options, protocol, nameOf, expected, failed };
    const amounts = await exportAll(plan.steps, targets, job, context);
    await protect(plan, nameOf, targets, options, failed, context);
    return resultOf(plan, options, amounts, failed, started);
  } finally {
    await release();
  }
};

interface ExportJob {
  readonly options: ExportOptions;
  readonly protocol: Protocol;
  readonly nameOf: NameOf;
  /** Bytes of the streams that were measured. */
  readonly expected: ReadonlyMap<ExportStep, number>;
  /** Collects the failures of archives while the others go on. */
  readonly failed: Failure[];
}

/** Adds parity to the streams of the snapshots in each archive that did not fail. */
async function protect(
  { steps, skipped }: ExportPlan,
  nameOf: NameOf,
  targets: readonly OpenTarget[],
  { parity }: ExportOptions,
  failed: Failure[],
  context: Context,
): Promise<void> {
  if (parity === undefined) return;
  const wanted = new Set(
    [...steps.map(({ snapshot }) => snapshot), ...skipped].map((each) => nameOf(each).uuid),
  );
  const gone = new Set(failed.map(({ where }) => where.archive));
  for (const { store } of targets) {
    if (gone.has(store.location)) continue;
    const { failures } = await protectAll(store, (uuid) => wanted.has(uuid), parity, context);
    failed.push(...failures);
  }
}

interface Amounts {
  /** Bytes of stream. */
  readonly bytes: number;
  readonly stored: number;
}

/** Exports planned streams one after another. An archive that fails is left out from then on. */
async function exportAll(
  steps: readonly ExportStep[],
  targets: readonly OpenTarget[],
  { options, protocol, nameOf, expected, failed }: ExportJob,
  context: Context,
): Promise<Amounts> {
  const { level } = options;
  const limits = await Promise.all(targets.map(({ store }) => store.maxFileSize()));
  const maxPartSize = Math.min(options.maxPartSize, ...limits);
  const gone = new Set<Store>();
  const onFailure = (store: Store, failure: Failure) => {
    gone.add(store);
    failed.push(failure);
    context.emit({ type: 'archive-failed', archive: store.location, failure });
  };
  const pool = new FramePool({ signal: context.signal });
  let [bytes, stored] = [0, 0];
  try {
    for (const [at, step] of steps.entries()) {
      context.signal.throwIfAborted();
      const archives = step.archives
        .map((index) => targets[index] as OpenTarget)
        .filter(({ store }) => !gone.has(store));
      const place = { index: at + 1, count: steps.length };
      const size = expected.get(step);
      const common = { archives, pool, protocol, level, maxPartSize, nameOf };
      const done = await exportStream(step, { ...common, size, place, context, onFailure });
      bytes += done.bytes;
      stored += done.stored;
    }
  } finally {
    await pool.close();
  }
  return { bytes, stored };
}

function announce(
  plan: ExportPlan,
  nameOf: NameOf,
  { dryRun }: ExportOptions,
  targets: readonly Target[],
  emit: Emit,
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
    received: plan.received.map(nameOf),
  };
  emit(planned);
}

function resultOf(
  plan: ExportPlan,
  { dryRun }: ExportOptions,
  { bytes, stored }: Amounts,
  failed: readonly Failure[],
  started: number,
): ExportResult {
  return {
    type: 'result',
    command: 'export',
    exit: failed.length > 0 ? exit.partial : plan.stranded ? exit.missing : exit.done,
    done: dryRun ? 0 : plan.steps.length,
    skipped: plan.skipped.length + plan.received.length,
    ...(failed.length > 0 ? { refused: failed.length } : {}),
    bytes,
    stored,
    seconds: (performance.now() - started) / 1000,
    dryRun,
  };
}
