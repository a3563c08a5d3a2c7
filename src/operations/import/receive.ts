import { groupBy, type Requirement } from '../../archive/graph/graph.ts';
import type { StoredStream } from '../../archive/read/stored-stream.ts';
import type { Filesystem } from '../../btrfs/filesystem.ts';
import { receiverInto } from '../../btrfs/receive.ts';
import type { Confinement } from '../../btrfs/sandbox.ts';
import type { Warning } from '../../events/warning.ts';
import { exit, Failure } from '../../failure/failure.ts';
import type { StateRecord } from '../../names/state.ts';
import { FramePool } from '../../zstd/pool.ts';
import type { Context } from '../operation.ts';
import type { ImportStep } from './names.ts';
import type { ImportPlan, RefusedStream } from './plan.ts';
import { notReceivedFailure } from './refusal.ts';
import { type ImportJob, importStream } from './stream.ts';

export interface Outcome {
  readonly done: readonly { readonly bytes: number; readonly stored: number }[];
  readonly failed: readonly RefusedStream[];
}

/** Receives the plan's streams. With `partial`, one that fails takes only what needs it along. */
export async function receiveAll(
  plan: ImportPlan,
  streams: readonly StoredStream[],
  /** All that tell which states are one, the streams' own among them. */
  records: readonly StateRecord[],
  into: string,
  filesystem: Filesystem,
  partial: boolean,
  context: Context,
): Promise<Outcome> {
  const done: { bytes: number; stored: number }[] = [];
  const failed: RefusedStream[] = [];
  const lost = new Set<string>();
  const recordsByUuid = groupBy(records, ({ uuid }) => uuid);
  const byUuid = groupBy(streams, ({ uuid }) => uuid);
  // btrfs receive has one core to itself: it takes more time than everything else.
  const pool = new FramePool({ spare: 1, signal: context.signal });
  const receiver = receiverInto(into);
  let told = false;
  const onConfinement = (confinement: Confinement) => {
    if (confinement === 'namespace' || told) return;
    told = true;
    context.emit(confinementWarning(confinement));
  };
  const refuse = (step: ImportStep, failure: Failure) => {
    const { uuid, called } = step.stream;
    lost.add(uuid);
    failed.push({ ...called, failure });
    context.emit({ type: 'stream-refused', stream: called, failure });
  };
  try {
    for (const [at, step] of plan.steps.entries()) {
      const place = { index: at + 1, count: plan.steps.length };
      const needed = step.stream.requires.filter((r) => lost.has(r.uuid));
      if (needed.length > 0) {
        refuse(step, notReceivedFailure(step.stream, needed[0] as Requirement));
        continue;
      }
      try {
        const job = {
          into,
          filesystem,
          pool,
          receiver,
          records: recordsByUuid,
          place,
          context,
          onConfinement,
        };
        const copies = copiesOf(step.stream, byUuid.get(step.stream.uuid) ?? []);
        done.push(await importFromAny(step, copies, job));
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

/** The same stream in other archives, as far as manifests tell. */
function copiesOf(stream: StoredStream, others: readonly StoredStream[]): StoredStream[] {
  const { length, framesXxh64 } = stream.manifest.stream;
  return others.filter(
    ({ manifest, source }) =>
      source !== stream.source &&
      manifest.stream.length === length &&
      manifest.stream.framesXxh64 === framesXxh64,
  );
}

/** Receives a stream from the first of its copies that is not damaged. */
async function importFromAny(
  step: ImportStep,
  [copy, ...others]: readonly StoredStream[],
  job: ImportJob,
): Promise<{ bytes: number; stored: number }> {
  try {
    return await importStream(step, job);
  } catch (error) {
    const isDamage = error instanceof Failure && error.exitCode === exit.damaged;
    if (!isDamage || copy === undefined) throw error;
    job.context.emit({
      type: 'warning',
      code: 'copy-damaged',
      message: error.message,
      hint: `taking the copy in ${copy.source.archive} instead`,
    });
    return importFromAny({ ...step, stream: copy }, others, job);
  }
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
