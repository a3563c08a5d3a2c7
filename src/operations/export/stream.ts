import { streamDirectory } from '../../archive/layout.ts';
import type { OpenArchive } from '../../archive/write/drafts.ts';
import { takeIn } from '../../archive/write/intake.ts';
import type { DraftSettings } from '../../archive/write/journal.ts';
import type { Span } from '../../archive/write/spanning.ts';
import { send } from '../../btrfs/send.ts';
import type { Warning } from '../../events/warning.ts';
import { Failure } from '../../failure/failure.ts';
import { bytesOf } from '../../names/byte-string.ts';
import { printable } from '../../names/printable.ts';
import type { Summary } from '../../sendstream/summary.ts';
import type { Store } from '../../store/store.ts';
import type { FramePool } from '../../zstd/pool.ts';
import { Meter } from '../meter.ts';
import type { Context } from '../operation.ts';
import { measureMeanwhile, sendOptions } from './measure.ts';
import type { NameOf } from './names.ts';
import { originOf } from './origin.ts';
import type { ExportStep } from './plan.ts';
import type { Protocol } from './protocol.ts';
import type { Snapshot } from './snapshot.ts';

interface StreamJob {
  readonly archives: readonly OpenArchive[];
  /** Spreads the stream of this directory over media. */
  readonly spread?: ((stream: SpreadStream) => Promise<Span>) | undefined;
  readonly pool: FramePool;
  readonly protocol: Protocol;
  /** zstd level. */
  readonly level: number;
  /** Bytes. */
  readonly maxPartSize: number;
  readonly nameOf: NameOf;
  /** Bytes of the stream; undefined if it was not measured. */
  readonly size: number | undefined;
  /** Called when one of several archives fails and is left out from then on. */
  readonly onFailure: (store: Store, failure: Failure) => void;
  readonly place: { readonly index: number; readonly count: number };
  readonly context: Context;
}

/** A stream that media take in turn. */
export interface SpreadStream {
  readonly directory: string;
  readonly title: string;
  readonly size: number | undefined;
}

/** Sends one snapshot into archives. If it fails, what was written stays for the next run. */
export async function exportStream(
  step: ExportStep,
  job: StreamJob,
): Promise<{ bytes: number; stored: number }> {
  const { archives, pool, protocol, nameOf, size, onFailure, place, context } = job;
  const { snapshot, parent, cloneSources } = step;
  const name = nameOf(snapshot);
  context.emit({ type: 'stream-begun', action: 'export', stream: name, ...place });
  const directory = streamDirectory({
    title: bytesOf(name.title),
    uuid: name.uuid,
    parentUuid: parent?.state.uuid ?? null,
  });
  const origin = await originOf(step, nameOf);
  const meter = new Meter('export', name, context.emit);
  meter.total = size;
  const optionsWith = (signal: AbortSignal) =>
    sendOptions(snapshot, parent, cloneSources, protocol, signal);
  const measuring = new AbortController();
  const measured =
    size === undefined ? measureMeanwhile(optionsWith(measuring.signal), meter) : undefined;
  try {
    const span = await job.spread?.({ directory, title: printable(name.title), size });
    const written = await takeIn(() => send(optionsWith(context.signal)), {
      archives,
      span,
      directory,
      settings: settingsOf(step, job),
      pool,
      origin,
      accept: (summary) => assertExpected(summary, snapshot),
      onProgress: (bytes, stored) => meter.advance(bytes, stored),
      onFailure,
      onDifference: (store, used) => context.emit(draftDiffers(store, snapshot, used)),
    });
    const { bytes, stored, ...frames } = written;
    meter.stored = stored;
    meter.done(directory, frames);
    return { bytes, stored };
  } catch (error) {
    throw sendFailure(snapshot, error);
  } finally {
    measuring.abort();
    await measured;
  }
}

function settingsOf(
  { snapshot, parent, cloneSources }: ExportStep,
  { protocol, level, maxPartSize }: StreamJob,
): DraftSettings {
  return {
    uuid: snapshot.state.uuid,
    ctransid: snapshot.state.ctransid,
    parent: parent?.state.uuid ?? null,
    cloneSources: cloneSources.map(({ state }) => state.uuid),
    protocol: protocol.version,
    compressedData: protocol.compressedData,
    level,
    maxPartSize,
  };
}

function draftDiffers(store: Store, { path }: Snapshot, used: string): Warning {
  return {
    type: 'warning',
    code: 'draft-differs',
    message: `${store.location}: of what an interrupted export of ${path} left, this one uses ${used}`,
    hint: 'the rest is of another stream or damaged, and is sent and written anew',
  };
}

/**
 * Turns damage of an arriving stream into a failed send, because no archive is damaged. A `btrfs
 * send` that was stopped for some seconds and continued sends damaged streams.
 */
function sendFailure({ path }: Snapshot, error: unknown): unknown {
  if (!(error instanceof Failure) || !DAMAGE.has(error.code)) return error;
  return new Failure('send-failed', `btrfs send of ${path} went wrong: ${error.message}`, {
    hint: 'run the same command again, and let it run: Ctrl-Z or a suspend can do this',
    where: { ...error.where, path },
    cause: error,
  });
}

const DAMAGE: ReadonlySet<string> = new Set([
  'stream-malformed',
  'stream-checksum',
  'stream-truncated',
]);

/** Refuses a stream of a state other than the planned one. */
function assertExpected({ identity }: Summary, { path, state }: Snapshot): void {
  if (identity.uuid === state.uuid && String(identity.ctransid) === state.ctransid) return;
  throw new Failure('send-failed', `${path} changed while it was being sent`, {
    hint: 'run the same command again',
    where: { path, uuid: state.uuid },
  });
}
