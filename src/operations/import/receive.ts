import { groupBy, type Requirement } from '../../archive/graph/graph.ts';
import { copiesOf } from '../../archive/read/copies.ts';
import type { StoredStream } from '../../archive/read/stored-stream.ts';
import type { Filesystem } from '../../btrfs/filesystem.ts';
import { receiverInto } from '../../btrfs/receive.ts';
import type { Confinement } from '../../btrfs/sandbox.ts';
import type { Emit } from '../../events/event.ts';
import { exit, Failure } from '../../failure/failure.ts';
import type { StateRecord } from '../../names/state.ts';
import { FramePool } from '../../zstd/pool.ts';
import type { Context } from '../operation.ts';
import type { ImportStep } from './names.ts';
import type { RefusedStream } from './plan.ts';
import { notReceivedFailure } from './refusal.ts';
import { type ImportJob, importStream } from './stream.ts';

export interface Outcome {
  /** The sizes of each received stream: its bytes, and its stored bytes. */
  readonly done: readonly Received[];
  readonly failed: readonly RefusedStream[];
}

interface Received {
  readonly bytes: number;
  readonly stored: number;
}

interface Target {
  readonly into: string;
  readonly filesystem: Filesystem;
  /** The streams of all archives. If a stream is damaged, the import takes a copy from these. */
  readonly streams: readonly StoredStream[];
  /** All records that link states, including those of the streams. */
  readonly records: readonly StateRecord[];
  /** Whether to continue after a stream fails, without the streams that build on it. */
  readonly partial: boolean;
}

/** Receives planned streams, one after another. */
export async function receiveAll(
  steps: readonly ImportStep[],
  { into, filesystem, streams, records, partial }: Target,
  context: Context,
): Promise<Outcome> {
  const done: Received[] = [];
  const failed: RefusedStream[] = [];
  const lost = new Set<string>();
  const refuse = ({ stream: { uuid, called } }: ImportStep, failure: Failure) => {
    lost.add(uuid);
    failed.push({ ...called, failure });
    context.emit({ type: 'stream-refused', stream: called, failure });
  };
  const copies = groupBy(streams, ({ uuid }) => uuid);
  // Leave one core for `btrfs receive`, which takes the most time.
  const pool = new FramePool({ spare: 1, signal: context.signal });
  const receiver = receiverInto(into);
  const job: Omit<ImportJob, 'place' | 'copies'> = {
    into,
    filesystem,
    pool,
    receiver,
    records: groupBy(records, ({ uuid }) => uuid),
    onConfinement: confinementWarner(context.emit),
    context,
  };
  try {
    for (const [at, step] of steps.entries()) {
      const { stream } = step;
      const place = { index: at + 1, count: steps.length };
      const needed = stream.requires.find(({ uuid }) => lost.has(uuid));
      try {
        if (needed !== undefined) throw notReceivedFailure(stream, needed as Requirement);
        const others = copiesOf(stream, copies.get(stream.uuid) ?? []);
        done.push(await importFromAny(step, others, { ...job, place, copies: others }));
      } catch (error) {
        if (!partial || !(error instanceof Failure) || error.code === 'interrupted') throw error;
        refuse(step, error);
      }
    }
  } finally {
    receiver.close();
    await pool.close();
  }
  return { done, failed };
}

/**
 * Receives a stream, or the first of its copies that is not damaged: one from a pipe is read alone, and
 * of one whose frames are good and are another stream, no frame is to blame.
 */
async function importFromAny(
  step: ImportStep,
  [copy, ...others]: readonly StoredStream[],
  job: ImportJob,
): Promise<Received> {
  try {
    return await importStream(step, job);
  } catch (error) {
    const isDamage = error instanceof Failure && error.exitCode === exit.damaged;
    const isAlone = step.stream.source.position !== undefined;
    const differs = isDamage && error.code === 'stream-differs-from-manifest';
    if (!isDamage || copy === undefined || !(isAlone || differs)) throw error;
    job.context.emit({
      type: 'warning',
      code: 'copy-damaged',
      message: error.message,
      hint: `taking the copy in ${copy.source.archive} instead`,
    });
    return importFromAny({ ...step, stream: copy }, others, job);
  }
}

/** Returns a function that warns once if `btrfs receive` has no mount namespace of its own. */
export function confinementWarner(emit: Emit): (confinement: Confinement) => void {
  let warned = false;
  return (confinement) => {
    if (confinement === 'namespace' || warned) return;
    warned = true;
    emit({
      type: 'warning',
      code: 'confinement',
      message:
        confinement === 'chroot'
          ? 'btrfs receive runs in a chroot, not in a mount namespace of its own'
          : 'btrfs receive runs without confinement',
      hint: 'import only archives that you trust; btrferry doctor says what is missing',
    });
  };
}
