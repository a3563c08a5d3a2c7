import type { Catalog } from '../../archive/read/catalog.ts';
import { readCatalog } from '../../archive/read/catalog.ts';
import type { StoredFingerprint } from '../../archive/read/fingerprints.ts';
import { isArchive } from '../../archive/read/header.ts';
import { coldPart, missingMedium } from '../../archive/read/integrity.ts';
import type { StoredStream } from '../../archive/read/stored-stream.ts';
import { ensureHeader } from '../../archive/write/header.ts';
import type { CopyResult } from '../../events/copy.ts';
import { type ExitCode, exit, Failure } from '../../failure/failure.ts';
import { streamText } from '../../names/title.ts';
import { kindOf, locationKey, writableStoreAt } from '../../store/location.ts';
import type { WritableStore } from '../../store/store.ts';
import { assertFit } from '../archives/medium.ts';
import { finishReading, openArchives } from '../archives/open.ts';
import { warnOfHeaders, warnOfReceipts, warnOfUnfinished } from '../archives/warnings.ts';
import type { Context, Operation } from '../operation.ts';
import { copyReceipts } from './documents.ts';
import { copyFingerprints } from './fingerprints.ts';
import type { CopyOptions } from './options.ts';
import { type CopyPlan, planCopy } from './plan.ts';
import { copyStream } from './stream.ts';
import { copyToTar } from './tar.ts';

/** The outcome of a copy. */
interface Outcome {
  readonly plan: CopyPlan;
  readonly done: number;
  readonly skipped: number;
  /** Stored bytes that were copied. */
  readonly stored: number;
  readonly failures: readonly Failure[];
}

/** Copies the streams that a target lacks, as they are stored. Replaces damaged ones. */
export const runCopy: Operation<CopyOptions, CopyResult> = async (options, context) => {
  const started = performance.now();
  assertElsewhere(options);
  // A terminal takes no tar file, and says so at once.
  if (options.to === '-' && !options.dryRun) context.output();
  const archives = await openArchives(options.from, context);
  const { catalogs, damagedReceipts } = archives;
  const fingerprints = options.only.length === 0 ? archives.fingerprints : [];
  const job = { catalogs, fingerprints };
  warnOfHeaders(catalogs, context.emit);
  warnOfUnfinished(catalogs, context.emit);
  warnOfReceipts(damagedReceipts, context.emit);
  const kind = kindOf(options.to);
  const outcome =
    kind === 'pipe' || kind === 'tar'
      ? await copyIntoTar(options, job, context)
      : await copyIntoStore(options, job, context);
  await finishReading(archives);
  return resultOf(outcome, options, started);
};

/** The contents of the archives to copy from. */
interface Sources {
  readonly catalogs: readonly Catalog[];
  readonly fingerprints: readonly StoredFingerprint[];
}

async function copyIntoTar(
  options: CopyOptions,
  { catalogs, fingerprints }: Sources,
  context: Context,
): Promise<Outcome> {
  const { to, label, dryRun } = options;
  const plan = planFor(options, { catalogs, fingerprints }, undefined);
  announce(plan, options, context);
  const failures = plan.refused.map(({ failure }) => failure);
  if (dryRun) return { plan, done: 0, skipped: 0, stored: 0, failures };
  if (to !== '-') await assertFit(to, options.create);
  for (const { copies } of plan.steps) {
    await assertReadable(copies);
    await assertHere(copies[0]);
  }
  await copyToTar({ to, label, catalogs, steps: plan.steps, fingerprints }, context);
  const stored = plan.steps.reduce((sum, { copies }) => sum + copies[0].storedBytes, 0);
  return { plan, done: plan.steps.length, skipped: 0, stored, failures };
}

async function copyIntoStore(
  options: CopyOptions,
  { catalogs, fingerprints }: Sources,
  context: Context,
): Promise<Outcome> {
  const { to, mode, storageClass, label, dryRun } = options;
  const store = writableStoreAt(to, { mode, storageClass, signal: context.signal });
  await assertFit(to, options.create);
  if (dryRun) {
    const target = (await isArchive(store)) ? await readCatalog(store) : undefined;
    const plan = planFor(options, { catalogs, fingerprints }, target);
    announce(plan, options, context);
    const failures = plan.refused.map(({ failure }) => failure);
    return { plan, done: 0, skipped: 0, stored: 0, failures };
  }
  const lock = await store.lock();
  try {
    await ensureHeader(store, label);
    const plan = planFor(options, { catalogs, fingerprints }, await readCatalog(store));
    announce(plan, options, context);
    const outcome = await copyAll(plan, store, context);
    await copyReceipts(catalogs, store);
    const failures = await copyFingerprints(fingerprints, store, context.signal);
    return { ...outcome, failures: [...outcome.failures, ...failures] };
  } finally {
    await lock.release();
  }
}

/** Copies one stream after another. One that is damaged in every copy does not stop the others. */
async function copyAll(plan: CopyPlan, store: WritableStore, context: Context): Promise<Outcome> {
  const failures = plan.refused.map(({ failure }) => failure);
  let [done, skipped, stored] = [0, 0, 0];
  for (const [at, step] of plan.steps.entries()) {
    context.signal.throwIfAborted();
    const [stream] = step.copies;
    const place = { index: at + 1, count: plan.steps.length };
    context.emit({ type: 'stream-begun', action: 'copy', stream: stream.called, ...place });
    try {
      await assertHere(stream);
      if ((await copyStream(step, store, context)) === 'there') skipped++;
      else {
        done++;
        stored += stream.storedBytes;
      }
    } catch (error) {
      if (!(error instanceof Failure) || !isOfStream(error)) throw error;
      failures.push(error);
      context.emit({ type: 'stream-refused', stream: stream.called, failure: error });
    }
  }
  return { plan, done, skipped, stored, failures };
}

/** @throws {Failure} `medium-missing` if parts of a stream lie on another medium */
async function assertHere(stream: StoredStream): Promise<void> {
  if (stream.source.position !== undefined) return;
  const elsewhere = await missingMedium(stream);
  if (elsewhere !== undefined) throw elsewhere;
}

/** A failure of one stream does not stop the others. */
function isOfStream({ code, exitCode }: Failure): boolean {
  return exitCode === exit.damaged || code === 'cold-storage' || code === 'medium-missing';
}

function planFor(
  { only, dependencies }: CopyOptions,
  { catalogs, fingerprints }: Sources,
  target: Catalog | undefined,
): CopyPlan {
  return planCopy({
    streams: catalogs.flatMap(({ streams }) => streams),
    damaged: catalogs.flatMap(({ damaged }) => damaged),
    target: { streams: target?.streams ?? [], damaged: target?.damaged ?? [] },
    bases: fingerprints,
    only,
    dependencies,
  });
}

function announce(plan: CopyPlan, { to, dryRun }: CopyOptions, { emit }: Context): void {
  for (const stream of plan.stranded) {
    emit({
      type: 'warning',
      code: 'not-restorable',
      message: `${streamText(stream.called)} needs streams that ${to} will not have`,
      hint: 'copy them as well, or keep this copy for a destination that has them',
    });
  }
  emit({
    type: 'copy-planned',
    to,
    dryRun,
    steps: plan.steps.map(({ copies, there }) => ({
      stream: copies[0].called,
      archives: copies.map(({ source }) => source.archive),
      stored: copies[0].storedBytes,
      present: there !== undefined,
    })),
    refused: plan.refused,
  });
}

/** @throws {Failure} `usage` */
function assertElsewhere({ from, to }: CopyOptions): void {
  if (to === '-' || !from.some((location) => locationKey(location) === locationKey(to))) return;
  throw new Failure('usage', `${to} is both source and target`, {
    hint: 'name the archives to copy from, and last the one to copy to',
  });
}

/** @throws {Failure} `cold-storage`, before a tar file is begun that could not be completed */
async function assertReadable(copies: readonly StoredStream[]): Promise<void> {
  const failures = await Promise.all(copies.map(coldPart));
  const [first] = failures;
  if (first !== undefined && failures.every((failure) => failure !== undefined)) throw first;
}

function resultOf(
  { done, skipped, stored, failures }: Outcome,
  { dryRun }: CopyOptions,
  started: number,
): CopyResult {
  return {
    type: 'result',
    command: 'copy',
    exit: exitFor(failures),
    done,
    skipped,
    refused: failures.length,
    stored,
    seconds: (performance.now() - started) / 1000,
    dryRun,
  };
}

function exitFor(failures: readonly Failure[]): ExitCode {
  if (failures.length === 0) return exit.done;
  return failures.some(({ exitCode }) => exitCode === exit.damaged) ? exit.damaged : exit.partial;
}
