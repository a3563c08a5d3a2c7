import { contentKey } from '../../archive/read/copies.ts';
import { select } from '../../archive/read/selection.ts';
import type { Filesystem } from '../../btrfs/filesystem.ts';
import { receiverInto } from '../../btrfs/receive.ts';
import { atLeast, btrfsProgsVersion } from '../../btrfs/version.ts';
import type { ImportResult } from '../../events/import.ts';
import { exit, Failure } from '../../failure/failure.ts';
import { byteString } from '../../names/byte-string.ts';
import { namedByPlace } from '../../names/title.ts';
import { requireRoot } from '../../process/privilege.ts';
import { kindOf } from '../../store/location.ts';
import { FramePool } from '../../zstd/pool.ts';
import { type Archives, openArchives } from '../archives/open.ts';
import { warnOfHeaders, warnOfUnfinished } from '../archives/warnings.ts';
import { examineDirectory, inHeldDirectory } from '../import/directory.ts';
import { destinationFacts } from '../import/facts.ts';
import type { ImportOptions } from '../import/options.ts';
import type { RefusedStream } from '../import/plan.ts';
import { confinementWarner } from '../import/receive.ts';
import { tooOldFailure } from '../import/refusal.ts';
import { neededProgs } from '../import/view.ts';
import type { Context, Operation } from '../operation.ts';
import { salvagedEvent } from './event.ts';
import { examineStreams } from './examine.ts';
import { type Examined, incrementFailure, planSalvage, type SalvagePlan } from './plan.ts';
import { type Destination, salvageStream } from './stream.ts';

type SalvageOptions = Pick<ImportOptions, 'archives' | 'into' | 'only' | 'template' | 'dryRun'>;

/** The place to receive in. */
interface Place {
  readonly into: string;
  readonly filesystem: Filesystem;
}

/** Receives what is left of damaged full streams, each into a writable subvolume. */
export const runSalvage: Operation<SalvageOptions, ImportResult> = async (options, context) => {
  const { into, archives: locations, dryRun } = options;
  if (into !== undefined) requireRoot('import');
  if (locations.some((location) => kindOf(location) === 'pipe')) throw pipeRefused();
  const archives = await openArchives(locations, context);
  warnOfHeaders(archives.catalogs, context.emit);
  warnOfUnfinished(archives.catalogs, context.emit);
  if (into === undefined) return salvage(options, archives, undefined, context);
  const place = { into, filesystem: await examineDirectory(into) };
  if (dryRun) return salvage(options, archives, place, context);
  return inHeldDirectory(into, place.filesystem, context.emit, () =>
    salvage(options, archives, place, context),
  );
};

async function salvage(
  options: SalvageOptions,
  archives: Archives,
  place: Place | undefined,
  context: Context,
): Promise<ImportResult> {
  const started = performance.now();
  const pool = new FramePool({ spare: 1, signal: context.signal });
  const outcome: Outcome = { salvaged: 0, losses: 0, failed: [], bytes: 0, stored: 0 };
  try {
    const plan = await planned(options, archives, place, pool, context);
    await salvageAll(plan, options, place, pool, context, outcome);
    return resultOf(plan, outcome, options.dryRun, started);
  } finally {
    await pool.close();
  }
}

async function planned(
  { only, template, into, dryRun }: SalvageOptions,
  { streams, catalogs }: Archives,
  place: Place | undefined,
  pool: FramePool,
  context: Context,
): Promise<SalvagePlan> {
  const { emit, signal } = context;
  const named = only.length > 0;
  const wanted = named ? only.flatMap((word) => select(streams, word)) : streams;
  const different = [...new Map(wanted.map((stream) => [contentKey(stream), stream])).values()];
  const full = different.filter(({ manifest }) => manifest.kind === 'full');
  const refused: RefusedStream[] = named
    ? different
        .filter((stream) => !full.includes(stream))
        .map((stream) => ({ ...stream.called, failure: incrementFailure(stream) }))
    : catalogs
        .flatMap((catalog) => catalog.damaged)
        .map(({ directory, failure }) => ({ ...namedByPlace(directory), failure }));
  const taken = place && (await destinationFacts(place.into, place.filesystem, [], signal)).taken;
  const examined = await examineStreams(full, streams, pool, context);
  const plan = planSalvage({
    examined: place === undefined ? examined : await forThisMachine(examined),
    refused,
    named,
    taken: taken ?? [],
    template,
  });
  for (const warning of plan.warnings) emit(warning);
  emit({
    type: 'salvage-planned',
    into: into ?? null,
    dryRun,
    steps: plan.steps.map(({ stream, as, failure }) => ({
      stream: stream.called,
      as: byteString(as),
      failure,
    })),
    intact: plan.intact,
    refused: plan.refused,
  });
  return plan;
}

/** Refuses streams that the btrfs-progs here cannot receive. */
async function forThisMachine(examined: readonly Examined[]): Promise<Examined[]> {
  const progs = await btrfsProgsVersion();
  return examined.map((each): Examined => {
    const { major, minor, patch, text } = neededProgs(each.stream);
    if (each.finding.state !== 'damaged' || atLeast(progs, major, minor, patch)) return each;
    const failure = tooOldFailure(each.stream, text, progs.text);
    return { ...each, finding: { state: 'refused', failure } };
  });
}

/** The streams of a plan so far. */
interface Outcome {
  salvaged: number;
  /** Those of which something is lost. */
  losses: number;
  readonly failed: Failure[];
  bytes: number;
  stored: number;
}

/** Salvages one stream after another. Goes on after one that fails. */
async function salvageAll(
  { steps }: SalvagePlan,
  { dryRun }: SalvageOptions,
  place: Place | undefined,
  pool: FramePool,
  context: Context,
  outcome: Outcome,
): Promise<void> {
  const receiver = place === undefined || dryRun ? undefined : receiverInto(place.into);
  const onConfinement = confinementWarner(context.emit);
  const destination: Destination | undefined =
    place === undefined || receiver === undefined
      ? undefined
      : { ...place, receiver, onConfinement };
  try {
    for (const [at, step] of steps.entries()) {
      const turn = { index: at + 1, count: steps.length };
      try {
        const { findings, ...amounts } = await salvageStream(step, {
          destination,
          pool,
          place: turn,
          context,
        });
        context.emit(salvagedEvent(step, findings, dryRun));
        outcome.salvaged++;
        if (findings.losses.length > 0) outcome.losses++;
        outcome.bytes += amounts.bytes;
        outcome.stored += amounts.stored;
      } catch (error) {
        if (!(error instanceof Failure) || error.code === 'interrupted') throw error;
        outcome.failed.push(error);
        context.emit({ type: 'stream-refused', stream: step.stream.called, failure: error });
      }
    }
  } finally {
    receiver?.close();
  }
}

function resultOf(
  plan: SalvagePlan,
  { salvaged, losses, failed, bytes, stored }: Outcome,
  dryRun: boolean,
  started: number,
): ImportResult {
  const failures = [...plan.refused.map(({ failure }) => failure), ...failed];
  const [first] = failures;
  const isPart = salvaged > 0 && (losses > 0 || first !== undefined);
  return {
    type: 'result',
    command: 'import',
    exit: isPart ? exit.partial : (first?.exitCode ?? exit.done),
    done: 0,
    salvaged,
    skipped: plan.intact.length,
    removed: 0,
    refused: failures.length,
    withheld: 0,
    bytes,
    stored,
    seconds: (performance.now() - started) / 1000,
    dryRun,
  };
}

/** A salvage reads the parts of a stream more than once. */
function pipeRefused(): Failure {
  return new Failure('usage', 'import --salvage cannot read an archive from a pipe', {
    hint: 'save it as a .tar file, and salvage from that',
  });
}
