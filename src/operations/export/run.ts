import { unfinishedIn } from '../../archive/read/unfinished.ts';
import type { Span } from '../../archive/write/spanning.ts';
import type { Emit } from '../../events/event.ts';
import type { ExportPlanned, ExportResult } from '../../events/export.ts';
import { exit, Failure } from '../../failure/failure.ts';
import { requireRoot } from '../../process/privilege.ts';
import type { Store } from '../../store/store.ts';
import { checkLevel } from '../../zstd/engines.ts';
import { FramePool } from '../../zstd/pool.ts';
import type { Context, Operation } from '../operation.ts';
import { protectAll } from '../protect/run.ts';
import { assertTakesParity } from '../protect/store.ts';
import { knownReceipts } from './destination.ts';
import { discardDrafts, discardHint } from './discard.ts';
import { sourceFacts } from './facts.ts';
import { checkFit, directoryOf } from './fit.ts';
import type { NameOf } from './names.ts';
import { checkPartSize, type ExportOptions } from './options.ts';
import type { ExportPlan, ExportStep } from './plan.ts';
import { chooseProtocol, type Protocol } from './protocol.ts';
import {
  assertSpannable,
  type BegunStream,
  begunStreams,
  labelsFor,
  mediumIn,
  SpanMedia,
} from './span.ts';
import { exportStream, type SpreadStream } from './stream.ts';
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
  if (options.span) await assertSpannable(options);
  const request = { stores, options, source, emit };
  const planFor = async (targets: readonly Target[], begun: readonly BegunStream[]) => {
    const segments = begun.map((stream) => stream.begun.segment);
    const known = { receipts, segments };
    const weighed = await planWeighed(options, source, targets, known, protocol, signal);
    announce(weighed.plan, weighed.nameOf, options, targets, emit);
    return weighed;
  };

  if (options.dryRun) {
    const { targets, failed } = await lookAtTargets(request);
    const begun = await begunOn(targets, options);
    const { plan, nameOf, sizes } = await planFor(targets, begun);
    if (options.discard) await discardOthers(plan, nameOf, targets, true, emit);
    const found = { plan, nameOf, sizes, source, targets, options, protocol, context };
    await checkFit({ ...found, begun: lengthsOf(begun) });
    return resultOf(plan, options, { bytes: 0, stored: 0 }, failed, started);
  }

  const label = options.span ? await labelsFor(stores, options) : undefined;
  const opened = label === undefined ? request : { ...request, label };
  const { targets, failed, release } = await openTargets(opened);
  const media = options.span ? await SpanMedia.open(targets, opened, context) : undefined;
  try {
    const begun = await begunOn(targets, options);
    const { plan, nameOf, sizes } = await planFor(targets, begun);
    if (options.discard) await discardOthers(plan, nameOf, targets, false, emit);
    const found = { plan, nameOf, sizes, source, targets, options, protocol, context };
    const expected = await checkFit({ ...found, begun: lengthsOf(begun) });
    const job = { options, protocol, nameOf, expected, failed, media, begun };
    const amounts = await exportAll(plan.steps, targets, job, context);
    await protect(plan, nameOf, targets, options, failed, context);
    return resultOf(plan, options, amounts, failed, started);
  } finally {
    await media?.release();
    await release();
  }
};

/** Bytes of stream that were begun, by directory. */
function lengthsOf(streams: readonly BegunStream[]): Map<string, number> {
  return new Map(streams.map(({ directory, begun }) => [directory, begun.segment.stream.length]));
}

/** Removes the drafts of streams that this export does not write. */
async function discardOthers(
  { steps }: ExportPlan,
  nameOf: NameOf,
  targets: readonly Target[],
  dryRun: boolean,
  emit: Emit,
): Promise<void> {
  const own = new Set(steps.map((step) => directoryOf(step, nameOf)));
  for (const { store } of targets) await discardDrafts(store, own, dryRun, emit);
}

/** The streams that an interrupted run began on media of a spanned export. */
async function begunOn(
  targets: readonly Target[],
  { span }: ExportOptions,
): Promise<readonly BegunStream[]> {
  if (!span) return [];
  const media: Awaited<ReturnType<typeof mediumIn>>[] = [];
  for (const target of targets) media.push(await mediumIn(target));
  const finished = targets.flatMap(({ streams }) => streams);
  return begunStreams(media, new Set(finished.map((one) => `${one.uuid} ${one.ctransid}`)));
}

interface ExportJob {
  readonly options: ExportOptions;
  readonly protocol: Protocol;
  readonly nameOf: NameOf;
  /** Bytes of the streams that were measured. */
  readonly expected: ReadonlyMap<ExportStep, number>;
  /** Filled in turn; undefined if each archive gets every stream. */
  readonly media: SpanMedia | undefined;
  readonly begun: readonly BegunStream[];
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
  { options, protocol, nameOf, expected, failed, media, begun }: ExportJob,
  context: Context,
): Promise<Amounts> {
  const { level } = options;
  const limits = await Promise.all(targets.map(({ store }) => store.maxFileSize()));
  const maxPartSize = Math.min(options.maxPartSize, ...(media === undefined ? limits : []));
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
      const more = steps.length - at - 1;
      const spread =
        media &&
        ((stream: SpreadStream) => spreadOver(media, { ...stream, more }, protocol, begun));
      const archives = (media === undefined ? step.archives : [])
        .map((index) => targets[index] as OpenTarget)
        .filter(({ store }) => !gone.has(store));
      const place = { index: at + 1, count: steps.length };
      const size = expected.get(step);
      const common = { archives, pool, protocol, level, maxPartSize, nameOf, spread };
      const sent = exportStream(step, { ...common, size, place, context, onFailure });
      const done = await sent.catch(async (error) => {
        throw await blockedBy(error, directoryOf(step, nameOf), archives);
      });
      bytes += done.bytes;
      stored += done.stored;
    }
  } finally {
    await pool.close();
  }
  return { bytes, stored };
}

/** Adds to a failure for lack of space which draft of another stream takes space. */
async function blockedBy(
  error: unknown,
  own: string,
  archives: readonly OpenTarget[],
): Promise<unknown> {
  if (!(error instanceof Failure) || error.code !== 'no-space') return error;
  const archive = archives.find(({ store }) => store.location === error.where.archive);
  if (archive === undefined) return error;
  const { location } = archive.store;
  const drafts = await unfinishedIn(archive.store).catch(() => []);
  const others = drafts.filter(({ directory }) => directory !== own);
  const hint = discardHint(others.map((draft) => ({ ...draft, archive: location })));
  return hint === undefined ? error : error.amended({ hint });
}

/**
 * Spreads a stream over media, after what an interrupted run wrote of it.
 *
 * @throws {Failure} `archive-conflict` if that was another version of the stream
 */
function spreadOver(
  media: SpanMedia,
  stream: SpreadStream & { readonly more: number },
  protocol: Protocol,
  all: readonly BegunStream[],
): Promise<Span> {
  const { begun } = all.find(({ directory }) => directory === stream.directory) ?? {};
  const version = begun?.segment.stream.protocol ?? protocol.version;
  if (version === protocol.version) return media.spread(stream, begun);
  throw new Failure('archive-conflict', `${stream.title} was begun with protocol ${version}`, {
    hint: `add --proto ${version}`,
    where: { file: stream.directory, expected: `${version}`, found: `${protocol.version}` },
  });
}

function announce(
  plan: ExportPlan,
  nameOf: NameOf,
  { dryRun, span }: ExportOptions,
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
      archives: span ? locations : archives.map((index) => locations[index] as string),
    })),
    skipped: plan.skipped.map(nameOf),
    received: plan.received.map(nameOf),
    removed: plan.removed.map(nameOf),
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
    skipped: plan.skipped.length + plan.received.length + plan.removed.length,
    ...(failed.length > 0 ? { refused: failed.length } : {}),
    bytes,
    stored,
    seconds: (performance.now() - started) / 1000,
    dryRun,
  };
}
