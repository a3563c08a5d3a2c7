import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import type { Catalog, StoredStream } from '../../archive/catalog.ts';
import { readCatalog, readReceipts } from '../../archive/catalog.ts';
import { checkStored } from '../../archive/part.ts';
import type { Confinement } from '../../btrfs/confinement.ts';
import { type Filesystem, filesystemAt } from '../../btrfs/filesystem.ts';
import { requireRoot } from '../../btrfs/privilege.ts';
import { btrfsProgsVersion, type Version } from '../../btrfs/version.ts';
import { exit, Failure } from '../../failure/failure.ts';
import type { ManifestRequirement } from '../../manifest/schema.ts';
import { textFromBytes } from '../../manifest/text.ts';
import { abreast } from '../../store/abreast.ts';
import { lockFile } from '../../store/lock.ts';
import type { Lock } from '../../store/store.ts';
import { FramePool } from '../../zstd/pool.ts';
import { storeAt } from '../archive-location.ts';
import type { ImportPlanned, Result, Warning } from '../event.ts';
import type { Deps, Operation } from '../operation.ts';
import { warnOfUnfinished } from '../unfinished.ts';
import { seemsUnmounted } from '../unmounted.ts';
import { type DestinationFacts, destinationFacts } from './facts.ts';
import type { ImportOptions } from './options.ts';
import { type ImportPlan, type ImportStep, planImport, type RefusedStream } from './plan.ts';
import { writeReceipts } from './receipt.ts';
import { notReceivedFailure } from './refusal.ts';
import { importStream } from './stream.ts';
import { removeLeftOvers } from './temporary.ts';

/** Receives what the destination lacks of the archives' streams, in order of dependency. */
export const runImport: Operation<ImportOptions> = async (options, deps) => {
  const started = performance.now();
  const { into } = options;
  if (into !== undefined) requireRoot('import');
  const catalogs: Catalog[] = [];
  for (const location of options.archives) catalogs.push(await readCatalog(storeAt(location)));
  warnOfUnfinished(catalogs, deps.emit);
  if (into === undefined) {
    const plan = await makePlan(options, catalogs, nowhere, newestProgs);
    announce(plan, options, undefined, deps);
    return result(plan, { dryRun: true, done: [], failed: [], started });
  }
  await assertMounted(into);
  const filesystem = await filesystemAt(into);
  await assertDirectory(into);
  await assertWritable(into);
  const planned = async () => {
    const streams = catalogs.flatMap((catalog) => catalog.streams);
    const destination = await destinationFacts(into, filesystem, streams);
    const plan = await makePlan(options, catalogs, destination, await btrfsProgsVersion());
    announce(plan, options, filesystem, deps);
    return plan;
  };

  if (options.dryRun) {
    return result(await planned(), { dryRun: true, done: [], failed: [], started });
  }

  const lock = await lockDestination(filesystem);
  try {
    await removeLeftOvers(into, deps.emit);
    const plan = await planned();
    if (plan.refused.length > 0 && !options.partial) {
      const refused = result(
        { ...plan, steps: [] },
        { dryRun: false, done: [], failed: [], started },
      );
      const others = plan.steps.length;
      if (others === 0) return refused;
      return {
        ...refused,
        summary: `nothing received; ${plan.refused.length} refused; --partial receives the other ${others}`,
      };
    }
    const outcome = await receiveAll(plan, into, filesystem, options.partial, deps);
    if (outcome.done.length > 0 || plan.present.length > 0) {
      await writeReceipts(catalogs, into, filesystem, deps.emit);
    }
    return result(plan, { dryRun: false, ...outcome, started });
  } finally {
    await lock.release();
  }
};

/** What a destination is taken to have that isn't named. */
const nowhere: DestinationFacts = { filesystem: undefined, subvolumes: [], taken: [] };
const newestProgs: Version = { major: 999, minor: 0, patch: 0, text: 'any' };

/** Plans until no planned stream turns out to have its files missing or of another length. */
async function makePlan(
  { only }: ImportOptions,
  catalogs: readonly Catalog[],
  destination: DestinationFacts,
  btrfsProgs: Version,
): Promise<ImportPlan> {
  const streams = catalogs.flatMap((catalog) => catalog.streams);
  const found = await Promise.all(catalogs.map(({ store }) => readReceipts(store)));
  const receipts = found.flatMap((one) => one.receipts);
  const checked = new Set<StoredStream>();
  const spoiled = new Map<StoredStream, Failure>();
  for (;;) {
    const plan = planImport({
      streams,
      spoiled,
      damaged: catalogs.flatMap((catalog) => catalog.damaged),
      receipts,
      ...destination,
      only,
      btrfsProgs,
    });
    const before = spoiled.size;
    const planned = plan.steps.map(({ stream }) => stream);
    await abreast(
      planned.filter((stream) => !checked.has(stream)),
      async (stream) => {
        checked.add(stream);
        const [failure] = await checkStored(stream);
        if (failure !== undefined) spoiled.set(stream, failure);
      },
    );
    if (spoiled.size === before) return plan;
  }
}

interface Outcome {
  readonly done: readonly { readonly bytes: number; readonly stored: number }[];
  readonly failed: readonly RefusedStream[];
}

/** Receives the plan's streams. With `partial`, one that fails takes only what needs it along. */
async function receiveAll(
  plan: ImportPlan,
  into: string,
  filesystem: Filesystem,
  partial: boolean,
  deps: Deps,
): Promise<Outcome> {
  const done: { bytes: number; stored: number }[] = [];
  const failed: RefusedStream[] = [];
  const lost = new Set<string>();
  const pool = new FramePool({ signal: deps.signal });
  let told = false;
  const onConfinement = (confinement: Confinement) => {
    if (confinement === 'namespace' || told) return;
    told = true;
    deps.emit(confinementWarning(confinement));
  };
  const refuse = (step: ImportStep, failure: Failure) => {
    const { uuid, manifest } = step.stream;
    lost.add(uuid);
    failed.push({ name: manifest.name, uuid, failure });
    deps.emit({ type: 'stream-refused', stream: { name: manifest.name, uuid }, failure });
  };
  try {
    for (const [at, step] of plan.steps.entries()) {
      const place = { index: at + 1, count: plan.steps.length };
      const needed = step.stream.requires.filter((r) => lost.has(r.uuid));
      if (needed.length > 0) {
        refuse(step, notReceivedFailure(step.stream, needed[0] as ManifestRequirement));
        continue;
      }
      try {
        done.push(await importStream(step, { into, filesystem, pool, place, deps, onConfinement }));
      } catch (error) {
        if (!partial || !(error instanceof Failure) || error.code === 'interrupted') throw error;
        refuse(step, error);
      }
    }
  } finally {
    await pool.close();
  }
  return { done, failed };
}

function confinementWarning(confinement: Confinement): Warning {
  return {
    type: 'warning',
    code: 'confinement',
    message:
      confinement === 'chroot'
        ? 'btrfs receive runs in a chroot, not in a mount namespace of its own'
        : 'btrfs receive runs without confinement',
    hint: 'import only archives that you trust; btrferry doctor tells what is missing',
  };
}

function announce(
  plan: ImportPlan,
  options: ImportOptions,
  filesystem: Filesystem | undefined,
  { emit }: Deps,
): void {
  const planned: ImportPlanned = {
    type: 'import-planned',
    into: options.into ?? null,
    dryRun: options.dryRun,
    steps: plan.steps.map(({ stream, as }) => ({
      stream: { name: stream.manifest.name, uuid: stream.uuid },
      as: textFromBytes(as),
      parent: stream.manifest.parent,
      length: stream.manifest.stream.length,
      stored: stream.cost,
    })),
    present: plan.present.map(({ manifest, uuid }) => ({ name: manifest.name, uuid })),
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
  if (!(await seemsUnmounted(into))) return;
  throw new Failure(
    'destination-unfit',
    `${into} lies on the root filesystem: the destination may not be mounted`,
    {
      hint: 'mount it; if the root filesystem is meant, import into a directory outside of /mnt, /media and /run/media',
      where: { path: into },
    },
  );
}

/** Two imports into one filesystem would take each other's subvolumes for left-overs. */
async function lockDestination({ uuid, mount }: Filesystem): Promise<Lock> {
  const busy = new Failure('destination-busy', 'another btrferry is importing here', {
    hint: 'wait until it has ended, then run the same command again',
    where: { path: mount.mountPoint.toString(), uuid },
  });
  return lockFile(`/run/btrferry-${uuid}.lock`, busy);
}

function result(plan: ImportPlan, outcome: Outcome & { dryRun: boolean; started: number }): Result {
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
    bytes: sum('bytes'),
    stored: sum('stored'),
    seconds: (performance.now() - outcome.started) / 1000,
    dryRun: outcome.dryRun,
    summary: '',
  };
}
