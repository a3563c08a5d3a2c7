import { streamDirectory } from '../../archive/layout.ts';
import { unfinishedIn } from '../../archive/read/unfinished.ts';
import type { SpaceMeasured } from '../../events/space.ts';
import type { Warning } from '../../events/warning.ts';
import { Failure } from '../../failure/failure.ts';
import { bytesOf } from '../../names/byte-string.ts';
import { mebibytes } from '../../names/size.ts';
import { kindOf } from '../../store/location.ts';
import type { Context } from '../operation.ts';
import { discardHint, type OtherDraft } from './discard.ts';
import { estimateStored, fitOf } from './estimate.ts';
import type { SourceFacts } from './facts.ts';
import { measureStream, sendOptions } from './measure.ts';
import type { NameOf } from './names.ts';
import type { ExportOptions } from './options.ts';
import { sizeKey } from './parent.ts';
import type { ExportPlan, ExportStep } from './plan.ts';
import type { Protocol } from './protocol.ts';
import type { Target } from './targets.ts';

/** Bytes below which nothing fits. */
const LEAST_SPACE = 1024 * 1024;

/** The facts that show whether an export fits. */
interface FitRequest {
  readonly plan: ExportPlan;
  readonly nameOf: NameOf;
  readonly sizes: ReadonlyMap<string, number>;
  readonly source: SourceFacts;
  readonly targets: readonly Target[];
  readonly options: Pick<ExportOptions, 'span' | 'dryRun'>;
  /** Bytes of stream that media which are full have already, by directory. */
  readonly begun: ReadonlyMap<string, number>;
  readonly protocol: Protocol;
  readonly context: Context;
}

/** An archive, or all that are filled in turn, and the streams for it. */
interface Room {
  readonly targets: readonly Target[];
  readonly steps: readonly ExportStep[];
  /** Bytes for these streams; undefined if unknown. */
  readonly free: number | undefined;
  readonly drafts: readonly OtherDraft[];
}

/**
 * Reports how much space the streams need, and warns before anything is written if they may not fit.
 * Measures nothing if all data of the source filesystems would fit, except for a dry run. Free space
 * that is not known stops nothing.
 *
 * @returns the bytes of each stream that was measured
 * @throws {Failure} `no-space` if the only archive has no space at all
 */
export async function checkFit(request: FitRequest): Promise<Map<ExportStep, number>> {
  const { source, targets, options, context } = request;
  const { dryRun, span } = options;
  const measured = new Map<ExportStep, number>();
  const used = new Map(source.filesystems.map(({ uuid, usedBytes }) => [uuid, usedBytes]));
  const held = [...used.values()].reduce((sum, bytes) => sum + bytes, 0);
  for (const room of await roomsOf(request)) {
    const { steps, free = Number.POSITIVE_INFINITY } = room;
    if (steps.length === 0 || (free >= held && !dryRun)) continue;
    if (free < LEAST_SPACE && targets.length === 1 && !span && !dryRun) throw noSpace(room);
    for (const step of steps) {
      if (!measured.has(step)) measured.set(step, await measure(step, request));
    }
    const event = spaceOf(room, measured, request);
    context.emit(event);
    if (event.streams.some(({ fits }) => fits === 'no' || fits === 'maybe')) {
      context.emit(mayNotFit(room, event, span));
    }
  }
  return measured;
}

async function roomsOf({ plan, nameOf, targets, options }: FitRequest): Promise<Room[]> {
  if (options.span) return [await roomIn(targets, plan.steps, nameOf)];
  return Promise.all(
    targets.map((target, index) =>
      roomIn(
        [target],
        plan.steps.filter((step) => step.archives.includes(index)),
        nameOf,
      ),
    ),
  );
}

/** Counts what interrupted runs wrote of these streams as free, since it is used again. */
async function roomIn(
  targets: readonly Target[],
  steps: readonly ExportStep[],
  nameOf: NameOf,
): Promise<Room> {
  const own = new Set(steps.map((step) => directoryOf(step, nameOf)));
  const drafts: OtherDraft[] = [];
  let free: number | undefined = 0;
  for (const { store } of targets) {
    const space = await store.freeSpace();
    free = space === undefined || free === undefined ? undefined : free + space;
    for (const draft of await unfinishedIn(store)) {
      if (!own.has(draft.directory)) drafts.push({ ...draft, archive: store.location });
      else if (free !== undefined) free += draft.stored;
    }
  }
  return { targets, steps, free, drafts };
}

/** The directory of a stream in an archive. */
export function directoryOf({ snapshot, parent }: ExportStep, nameOf: NameOf): string {
  const { title, uuid } = nameOf(snapshot);
  const parentUuid = parent?.state.uuid ?? null;
  return streamDirectory({ title: bytesOf(title), uuid, parentUuid });
}

function measure(step: ExportStep, { sizes, protocol, context }: FitRequest): Promise<number> {
  const { snapshot, parent, cloneSources } = step;
  const known = sizes.get(sizeKey(snapshot, parent));
  if (known !== undefined) return Promise.resolve(known);
  const { signal } = context;
  return measureStream(sendOptions(snapshot, parent, cloneSources, protocol, signal));
}

function spaceOf(
  { targets, steps, free, drafts }: Room,
  measured: ReadonlyMap<ExportStep, number>,
  { nameOf, begun, options }: FitRequest,
): SpaceMeasured {
  const lengths = steps.map((step) => {
    const done = begun.get(directoryOf(step, nameOf)) ?? 0;
    return Math.max(0, (measured.get(step) ?? 0) - done);
  });
  const streams = targets.flatMap((target) => target.streams);
  const known = streams.map(({ manifest, storedBytes }) => ({
    length: manifest.stream.length,
    stored: storedBytes,
  }));
  const ranges = estimateStored(lengths, known);
  const fits = fitOf(ranges, free);
  return {
    type: 'space-measured',
    archives: targets.map(({ store }) => store.location),
    dryRun: options.dryRun,
    free: free ?? null,
    streams: steps.map(({ snapshot }, at) => ({
      stream: nameOf(snapshot),
      bytes: lengths[at] ?? 0,
      least: ranges[at]?.least ?? 0,
      most: ranges[at]?.most ?? 0,
      fits: fits[at] ?? 'unknown',
    })),
    drafts: drafts.map(({ archive, directory, stored }) => ({ archive, directory, stored })),
  };
}

function noSpace({ targets, free = 0, drafts }: Room): Failure {
  const location = targets[0]?.store.location ?? '';
  return new Failure('no-space', `no space left at ${location}`, {
    hint: discardHint(drafts) ?? 'free some space there or use another drive',
    where: { archive: location, found: `${free} bytes free` },
  });
}

function mayNotFit(
  { targets, free = 0, drafts }: Room,
  { streams }: SpaceMeasured,
  span: boolean,
): Warning {
  const locations = targets.map(({ store }) => store.location);
  const sum = (one: (stream: (typeof streams)[number]) => number) =>
    mebibytes(streams.reduce((total, stream) => total + one(stream), 0));
  const isDirectory = locations.every((location) => kindOf(location) === 'directory');
  const full = span
    ? 'give a further --to'
    : isDirectory
      ? 'continue with --span and a further --to'
      : 'use another place';
  return {
    type: 'warning',
    code: 'may-not-fit',
    message: `${mebibytes(free)} are free at ${locations.join(', ')}, and the streams may take ${sum((s) => s.most)}`,
    hint: `${discardHint(drafts) ?? 'if it gets full, finished streams stay: free some space, and run the same command again'}; or ${full}`,
  };
}
