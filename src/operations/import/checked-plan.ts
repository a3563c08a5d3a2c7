import { checkGathered, copiesOf } from '../../archive/read/copies.ts';
import { checkFrames, checkStored, coldPart } from '../../archive/read/integrity.ts';
import type { StoredStream } from '../../archive/read/stored-stream.ts';
import type { Version } from '../../btrfs/version.ts';
import { exit, Failure } from '../../failure/failure.ts';
import { concurrently } from '../../store/concurrently.ts';
import { withCures } from '../archives/cures.ts';
import type { Archives } from '../archives/open.ts';
import { inPassingOrder } from '../archives/passing-order.ts';
import type { Context } from '../operation.ts';
import type { DestinationFacts } from './facts.ts';
import { withAskedMedia } from './media.ts';
import type { ImportOptions } from './options.ts';
import { type ImportPlan, planImport } from './plan.ts';

/** A plan whose stored files were looked at. It has no steps if the import must not begin. */
export interface CheckedPlan extends ImportPlan {
  /** Streams that could be received, but are not without `--partial`, since others are refused. */
  readonly withheld: number;
}

/** Plans again until the files of all planned streams are there and have the right lengths. */
export async function planChecked(
  { only, template, partial, again }: ImportOptions,
  { catalogs, streams, receipts, fingerprints }: Archives,
  destination: DestinationFacts,
  btrfsProgs: Version,
  context: Context,
): Promise<CheckedPlan> {
  // A damaged manifest does not matter if another archive has the stream.
  const whole = new Set(streams.map(({ source }) => source.directory));
  const damaged = catalogs
    .flatMap((catalog) => catalog.damaged)
    .filter(({ directory }) => !whole.has(directory));
  const archives = { streams, damaged, receipts, fingerprints };
  const checked = new Set<StoredStream>();
  const spoiled = new Map<StoredStream, Failure>();
  const asked = new Set<StoredStream>();
  const canAsk = context.ask !== undefined;
  for (;;) {
    const wishes = { only, again, template };
    const plan = planImport({ ...archives, ...destination, ...wishes, spoiled, btrfsProgs });
    const before = spoiled.size;
    const planned = plan.steps.map(({ stream }) => stream);
    const unchecked = planned.filter((stream) => !checked.has(stream));
    await concurrently(unchecked, async (stream) => {
      checked.add(stream);
      const failure = await storedFailure(stream, streams, canAsk);
      if (canAsk && isElsewhere(failure)) asked.add(stream);
      else if (failure !== undefined) spoiled.set(stream, await withCures(stream, failure));
    });
    if (spoiled.size > before) continue;
    if (partial || plan.refused.length === 0) {
      const steps = inPassingOrder(plan.steps, ({ stream }) => stream).map((step) =>
        asked.has(step.stream)
          ? { ...step, stream: withAskedMedia(step.stream, catalogs, context) }
          : step,
      );
      return { ...plan, steps, withheld: 0 };
    }
    return { ...plan, steps: [], withheld: planned.length };
  }
}

/** The medium that has the files is not connected. */
function isElsewhere(failure: Failure | undefined): boolean {
  return failure?.code === 'medium-missing' || failure?.code === 'storage-failed';
}

/** Files that come through a pipe show their failures only when they come. */
export async function storedFailure(
  stream: StoredStream,
  streams: readonly StoredStream[],
  canAsk = false,
): Promise<Failure | undefined> {
  if (stream.source.position !== undefined) return undefined;
  const all = await checkStored(stream).catch((error) => {
    // A medium that was taken out for the next one can be brought again.
    if (canAsk && error instanceof Failure && isElsewhere(error)) return [error];
    throw error;
  });
  const stored = all.find(({ code }) => code !== 'medium-missing') ?? all[0];
  const failure = stored ?? (await coldPart(stream)) ?? (await checkFrames(stream));
  const copies = copiesOf(stream, streams);
  const isHere = failure?.exitCode !== exit.damaged && !isElsewhere(failure);
  if (isHere || copies.length === 0) return failure;
  return checkGathered(stream, copies);
}
