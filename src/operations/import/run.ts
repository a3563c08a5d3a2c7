import type { Catalog } from '../../archive/read/catalog.ts';
import { formerRecords, receiptRecords } from '../../archive/read/receipts.ts';
import { allRecords } from '../../archive/read/records.ts';
import type { Filesystem } from '../../btrfs/filesystem.ts';
import { btrfsProgsVersion, type Version } from '../../btrfs/version.ts';
import type { Emit } from '../../events/event.ts';
import type { ImportPlanned, ImportResult } from '../../events/import.ts';
import { exit } from '../../failure/failure.ts';
import type { Receipt } from '../../manifest/schema.ts';
import { byteString } from '../../names/byte-string.ts';
import { mebibytes } from '../../names/size.ts';
import { requireRoot } from '../../process/privilege.ts';
import { type Archives, finishReading, openArchives } from '../archives/open.ts';
import { warnOfHeaders, warnOfUnfinished } from '../archives/warnings.ts';
import type { Context, Operation } from '../operation.ts';
import { type CheckedPlan, planChecked } from './checked-plan.ts';
import { examineDirectory, inHeldDirectory } from './directory.ts';
import { type DestinationFacts, destinationFacts } from './facts.ts';
import { withNextMedium } from './media.ts';
import type { ImportOptions } from './options.ts';
import { writeReceipts } from './receipt.ts';
import { type Outcome, receiveAll } from './receive.ts';

/** Receives the streams that the destination lacks, in the order of their dependencies. */
export const runImport: Operation<ImportOptions, ImportResult> = async (options, context) => {
  const started = performance.now();
  if (options.into !== undefined) requireRoot('import');
  const archives = await openArchives(options.archives, context);
  warnOfHeaders(archives.catalogs, context.emit);
  warnOfUnfinished(archives.catalogs, context.emit);
  const { plan, outcome } =
    options.into === undefined
      ? await planForNowhere(options, archives, context)
      : await importInto(options.into, options, archives, context);
  await finishReading(archives);
  return resultOf(plan, outcome, options.dryRun, started);
};

interface Imported {
  readonly plan: CheckedPlan;
  readonly outcome: Outcome;
}

const nothing: Outcome = { done: [], failed: [] };

/** Plans for an empty filesystem with the newest btrfs-progs: no destination was named. */
async function planForNowhere(
  options: ImportOptions,
  archives: Archives,
  context: Context,
): Promise<Imported> {
  const newest: Version = { major: 999, minor: 0, patch: 0, text: 'any' };
  const nowhere: DestinationFacts = {
    filesystem: undefined,
    subvolumes: [],
    taken: [],
    earlier: [],
  };
  const alone = { ...context, ask: undefined };
  const plan = await planChecked(options, archives, nowhere, newest, alone);
  announce(plan, options, undefined, context.emit);
  return { plan, outcome: nothing };
}

async function importInto(
  into: string,
  options: ImportOptions,
  archives: Archives,
  context: Context,
): Promise<Imported> {
  const filesystem = await examineDirectory(into);
  const job = { into, options, archives, filesystem, receiptsTo: archives.catalogs };
  if (options.dryRun) return { plan: (await planInto(job, context)).plan, outcome: nothing };
  return inHeldDirectory(into, filesystem, context.emit, () => receiveInto(job, context));
}

/** The streams to receive, and the place to receive them in. */
export interface ReceivingJob {
  readonly into: string;
  readonly options: ImportOptions;
  readonly archives: Archives;
  readonly filesystem: Filesystem;
  /** The archives that get a receipt. */
  readonly receiptsTo: readonly Catalog[];
}

interface Planned {
  readonly archives: Archives;
  readonly plan: CheckedPlan;
  readonly destination: DestinationFacts;
  readonly earlier: readonly Receipt[];
}

/** Plans, with each further medium that a stream continues on and that a person brings. */
async function planInto(job: ReceivingJob, context: Context): Promise<Planned> {
  const { into, options, filesystem } = job;
  const { emit, signal, ledger } = context;
  const btrfsProgs = await btrfsProgsVersion();
  const asking = { ...context, ask: options.dryRun ? undefined : context.ask };
  for (let { archives } = job; ; ) {
    const found = await destinationFacts(into, filesystem, archives.streams, signal);
    const receipts = [...archives.receipts, ...(await ledger.receipts())];
    const earlier = receipts.filter((receipt) => receipt.filesystem === filesystem.uuid);
    const destination = {
      ...found,
      earlier: [...receiptRecords(earlier), ...formerRecords(earlier)],
    };
    const plan = await planChecked(options, archives, destination, btrfsProgs, asking);
    const more = await withNextMedium(archives, plan.refused, asking);
    if (more === undefined) {
      announce(plan, options, filesystem, emit);
      return { archives, plan, destination, earlier };
    }
    archives = more;
  }
}

/** Plans, and receives. The caller holds the directory. */
export async function receiveInto(job: ReceivingJob, context: Context): Promise<Imported> {
  const { into, options, filesystem, receiptsTo } = job;
  const { archives, plan, destination, earlier } = await planInto(job, context);
  const { streams } = archives;
  if (plan.refused.length > 0 && !options.partial) return { plan, outcome: nothing };
  const records = [...allRecords(archives), ...destination.earlier];
  const target = { into, filesystem, streams, records, partial: options.partial };
  const outcome = await receiveAll(plan.steps, target, context);
  const had = plan.present.length + plan.removed.length;
  if (outcome.done.length + had > 0) {
    const receiver = { into, filesystem };
    const brought = archives.catalogs.slice(job.archives.catalogs.length);
    const catalogs = [...receiptsTo, ...brought];
    await writeReceipts(catalogs, receiver, destination.subvolumes, earlier, context);
  }
  return { plan, outcome };
}

function announce(
  plan: CheckedPlan,
  { into, dryRun }: ImportOptions,
  filesystem: Filesystem | undefined,
  emit: Emit,
): void {
  const planned: ImportPlanned = {
    type: 'import-planned',
    into: into ?? null,
    dryRun,
    steps: plan.steps.map(({ stream, as }) => ({
      stream: stream.called,
      as: byteString(as),
      parent: stream.manifest.parent,
      length: stream.manifest.stream.length,
      stored: stream.storedBytes,
    })),
    only: plan.only,
    present: plan.present.map(({ called }) => called),
    removed: plan.removed.map(({ called }) => called),
    refused: plan.refused,
  };
  for (const warning of plan.warnings) emit(warning);
  if (filesystem !== undefined) warnOfSize(planned, filesystem, emit);
  emit(planned);
}

function warnOfSize({ steps }: ImportPlanned, { freeBytes }: Filesystem, emit: Emit): void {
  const length = steps.reduce((sum, step) => sum + step.length, 0);
  if (length <= freeBytes) return;
  emit({
    type: 'warning',
    code: 'may-not-fit',
    message: `the streams hold up to ${mebibytes(length)}, and the destination has ${mebibytes(freeBytes)} free`,
    hint: 'they may fit nevertheless if the destination compresses, or if they clone data',
  });
}

function resultOf(
  plan: CheckedPlan,
  { done, failed }: Outcome,
  dryRun: boolean,
  started: number,
): ImportResult {
  const refused = [...plan.refused, ...failed];
  const [first] = refused;
  const some = done.length > 0 || (dryRun && plan.steps.length > 0);
  return {
    type: 'result',
    command: 'import',
    exit: first === undefined ? exit.done : some ? exit.partial : first.failure.exitCode,
    done: done.length,
    skipped: plan.present.length,
    removed: plan.removed.length,
    refused: refused.length,
    withheld: plan.withheld,
    bytes: done.reduce((sum, { bytes }) => sum + bytes, 0),
    stored: done.reduce((sum, { stored }) => sum + stored, 0),
    seconds: (performance.now() - started) / 1000,
    dryRun,
  };
}
