import { constants } from 'node:fs';
import { access, open, stat } from 'node:fs/promises';
import { streamRecords } from '../../archive/graph/graph.ts';
import { failureIn } from '../../archive/read/damage.ts';
import { checkFrames, checkStored } from '../../archive/read/integrity.ts';
import { receiptRecords } from '../../archive/read/receipts.ts';
import type { StoredStream } from '../../archive/read/stored-stream.ts';
import { type Filesystem, filesystemAt } from '../../btrfs/filesystem.ts';
import { placeOf } from '../../btrfs/mounts.ts';
import { btrfsProgsVersion, type Version } from '../../btrfs/version.ts';
import type { ImportPlanned, ImportResult } from '../../events/import.ts';
import { exit, Failure } from '../../failure/failure.ts';
import type { Receipt } from '../../manifest/schema.ts';
import { byteString } from '../../names/byte-string.ts';
import { requireRoot } from '../../process/privilege.ts';
import { concurrently } from '../../store/concurrently.ts';
import { lockPassingFile } from '../../store/directory/lock.ts';
import type { Lock } from '../../store/store.ts';
import { type Archives, openArchives } from '../archives/open.ts';
import { warnOfHeaders, warnOfUnfinished } from '../archives/warnings.ts';
import type { Context, Operation } from '../operation.ts';
import { unmounted } from '../unmounted.ts';
import { type DestinationFacts, destinationFacts } from './facts.ts';
import type { ImportOptions } from './options.ts';
import { type ImportPlan, planImport } from './plan.ts';
import { writeReceipts } from './receipt.ts';
import { type Outcome, receiveAll } from './receive.ts';
import { removeLeftOvers } from './temporary.ts';

/** Receives what the destination lacks of the archives' streams, in order of dependency. */
export const runImport: Operation<ImportOptions, ImportResult> = async (options, context) => {
  const started = performance.now();
  const { into } = options;
  if (into !== undefined) requireRoot('import');
  const archives = await openArchives(options.archives, context.signal);
  const { catalogs, streams } = archives;
  warnOfHeaders(catalogs, context.emit);
  warnOfUnfinished(catalogs, context.emit);
  if (into === undefined) {
    const plan = await makePlan(options, archives, nowhere, newestProgs);
    announce(plan, options, undefined, context);
    return result(plan, { dryRun: true, done: [], failed: [], started });
  }
  await assertMounted(into);
  const filesystem = await filesystemAt(into);
  await assertDirectory(into);
  await assertWritable(into);
  const planned = async () => {
    const destination = await destinationFacts(into, filesystem, streams, context.signal);
    const plan = await makePlan(options, archives, destination, await btrfsProgsVersion());
    announce(plan, options, filesystem, context);
    return { plan, destination };
  };

  if (options.dryRun) {
    const { plan } = await planned();
    return result(plan, { dryRun: true, done: [], failed: [], started });
  }

  const lock = await lockDestination(filesystem);
  // What is open can't be unmounted: whoever tries is told, instead of pulling the drive too early.
  const hold = await open(into);
  try {
    await removeLeftOvers(into, context.emit);
    const { plan, destination } = await planned();
    if (plan.refused.length > 0 && !options.partial) {
      return result(plan, { dryRun: false, done: [], failed: [], started });
    }
    const records = [...streamRecords(streams), ...receiptRecords(plan.receipts)];
    const outcome = await receiveAll(
      plan,
      streams,
      records,
      into,
      filesystem,
      options.partial,
      context,
    );
    if (outcome.done.length > 0 || plan.present.length > 0) {
      await writeReceipts(catalogs, into, filesystem, destination.subvolumes, context.emit);
    }
    return result(plan, { dryRun: false, ...outcome, started });
  } finally {
    await hold.close();
    await lock.release();
  }
};

/** What a destination is taken to have that isn't named. */
const nowhere: DestinationFacts = { filesystem: undefined, subvolumes: [], taken: [] };
const newestProgs: Version = { major: 999, minor: 0, patch: 0, text: 'any' };

/** A plan in which all is received or nothing, unless a part will do. */
interface AgreedPlan extends ImportPlan {
  /** Streams that could be received, but are not without `--partial`. */
  readonly withheld: number;
  /** Those of the archives. */
  readonly receipts: readonly Receipt[];
}

/** Plans until no planned stream turns out to have its files missing or of another length. */
async function makePlan(
  { only, template, partial }: ImportOptions,
  { catalogs, streams, receipts }: Archives,
  destination: DestinationFacts,
  btrfsProgs: Version,
): Promise<AgreedPlan> {
  // A damaged manifest is of no interest where another archive has the stream.
  const whole = new Set(streams.map(({ source }) => source.directory));
  const damaged = catalogs
    .flatMap((catalog) => catalog.damaged)
    .filter(({ directory }) => !whole.has(directory));
  const checked = new Set<StoredStream>();
  const spoiled = new Map<StoredStream, Failure>();
  for (;;) {
    const plan = planImport({
      streams,
      spoiled,
      damaged,
      receipts,
      ...destination,
      only,
      template,
      btrfsProgs,
    });
    const before = spoiled.size;
    const planned = plan.steps.map(({ stream }) => stream);
    await concurrently(
      planned.filter((stream) => !checked.has(stream)),
      async (stream) => {
        checked.add(stream);
        const [stored] = await checkStored(stream);
        const failure = stored ?? (await checkFrames(stream));
        if (failure !== undefined) spoiled.set(stream, failureIn(stream, failure));
      },
    );
    if (spoiled.size > before) continue;
    const all = partial || plan.refused.length === 0;
    return all
      ? { ...plan, receipts, withheld: 0 }
      : { ...plan, receipts, steps: [], withheld: planned.length };
  }
}

function announce(
  plan: ImportPlan,
  options: ImportOptions,
  filesystem: Filesystem | undefined,
  { emit }: Context,
): void {
  const planned: ImportPlanned = {
    type: 'import-planned',
    into: options.into ?? null,
    dryRun: options.dryRun,
    steps: plan.steps.map(({ stream, as }) => ({
      stream: stream.called,
      as: byteString(as),
      parent: stream.manifest.parent,
      length: stream.manifest.stream.length,
      stored: stream.cost,
    })),
    only: plan.only,
    present: plan.present.map(({ called }) => called),
    refused: plan.refused,
  };
  for (const warning of plan.warnings) emit(warning);
  const length = planned.steps.reduce((sum, step) => sum + step.length, 0);
  if (filesystem !== undefined && length > filesystem.freeBytes) {
    emit({
      type: 'warning',
      code: 'may-not-fit',
      message: `the streams hold up to ${mebibytes(length)}, and the destination has ${mebibytes(filesystem.freeBytes)} free`,
      hint: 'it may still fit, where the destination compresses or the streams clone',
    });
  }
  emit(planned);
}

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 1024 ** 2)} MiB`;
}

/** A mount can be read-only, and so can a snapshot. */
async function assertWritable(path: string): Promise<void> {
  try {
    await access(path, constants.W_OK);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EROFS') throw cause;
    throw new Failure('destination-unfit', `${path} is read-only`, {
      hint: 'remount it read-write, or name a directory that is in no read-only snapshot',
      where: { path },
      cause,
    });
  }
}

async function assertDirectory(path: string): Promise<void> {
  if ((await stat(path)).isDirectory()) return;
  throw new Failure('destination-unfit', `${path} is not a directory`, {
    hint: 'name a directory to receive into',
    where: { path },
  });
}

/** What should go to a drive must not fill the root filesystem. */
async function assertMounted(into: string): Promise<void> {
  const reason = unmounted(await placeOf(into));
  if (reason === undefined) return;
  throw new Failure('destination-unfit', reason, {
    hint: 'mount it; to stay on this filesystem, import outside of /mnt, /media and /run/media',
    where: { path: into },
  });
}

/** Two imports into one filesystem would take each other's subvolumes for left-overs. */
async function lockDestination({ uuid, mount }: Filesystem): Promise<Lock> {
  const busy = new Failure('destination-busy', 'another btrferry is importing here', {
    hint: 'wait until it has ended, then run the same command again',
    where: { path: mount.mountPoint.toString(), uuid },
  });
  return lockPassingFile(`/run/btrferry-${uuid}.lock`, busy);
}

function result(
  plan: AgreedPlan,
  outcome: Outcome & { dryRun: boolean; started: number },
): ImportResult {
  const refused = [...plan.refused, ...outcome.failed];
  const sum = (key: 'bytes' | 'stored') => outcome.done.reduce((all, one) => all + one[key], 0);
  const first = refused[0]?.failure;
  const some = outcome.done.length > 0 || (outcome.dryRun && plan.steps.length > 0);
  return {
    type: 'result',
    command: 'import',
    exit: first === undefined ? exit.done : some ? exit.partial : first.exitCode,
    done: outcome.done.length,
    skipped: plan.present.length,
    refused: refused.length,
    withheld: plan.withheld,
    bytes: sum('bytes'),
    stored: sum('stored'),
    seconds: (performance.now() - outcome.started) / 1000,
    dryRun: outcome.dryRun,
  };
}
