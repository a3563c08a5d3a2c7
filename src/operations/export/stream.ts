import { hostname } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { streamDirectory } from '../../archive/layout.ts';
import { filesystemAt } from '../../btrfs/filesystem.ts';
import { type SendOptions, send } from '../../btrfs/send.ts';
import { showSubvolume } from '../../btrfs/subvolume.ts';
import { Failure } from '../../failure/failure.ts';
import type { Unsealed } from '../../manifest/document.ts';
import { FORMAT_VERSION } from '../../manifest/format.ts';
import type { Manifest, ManifestPart } from '../../manifest/schema.ts';
import { byteString, bytesOf } from '../../names/byte-string.ts';
import type { Identity } from '../../names/identity.ts';
import { absolutePath } from '../../names/path.ts';
import { StreamExamination } from '../../sendstream/examination.ts';
import type { Summary } from '../../sendstream/summary.ts';
import type { Store } from '../../store/store.ts';
import { FRAME_SIZE } from '../../zstd/frame.ts';
import { compressFrames, type PlainBlock, plainBlocks } from '../../zstd/pipeline.ts';
import type { FramePool } from '../../zstd/pool.ts';
import type { Warning } from '../event.ts';
import { Meter } from '../meter.ts';
import type { Deps } from '../operation.ts';
import { program } from '../program.ts';
import { Copies } from './copies.ts';
import { measureStream, sendOptions } from './measure.ts';
import type { NameOf } from './names.ts';
import type { ExportStep } from './plan.ts';
import type { Protocol } from './protocol.ts';
import type { Snapshot } from './snapshot.ts';

interface ExportContext {
  readonly stores: readonly Store[];
  readonly pool: FramePool;
  readonly protocol: Protocol;
  readonly level: number;
  readonly maxPartSize: number;
  readonly nameOf: NameOf;
  /** Bytes of the stream, where they are known. */
  readonly size: number | undefined;
  /** One of several archives failed, and is left out from here on. */
  readonly onFailure: (store: Store, failure: Failure) => void;
  readonly place: { readonly index: number; readonly count: number };
  readonly deps: Deps;
}

/**
 * Sends one snapshot into archives: send, check each command, compress, write, publish. What
 * is whole when it fails stays as a draft for the next run.
 */
export async function exportStream(
  step: ExportStep,
  context: ExportContext,
): Promise<{ bytes: number; stored: number }> {
  const { stores, pool, protocol, level, maxPartSize, nameOf, deps } = context;
  const { snapshot, parent, cloneSources } = step;
  const name = nameOf(snapshot);
  deps.emit({ type: 'stream-begun', action: 'export', stream: name, ...context.place });
  const directory = streamDirectory({
    title: bytesOf(name.title),
    uuid: name.uuid,
    parentUuid: parent?.state.uuid ?? null,
  });
  const source = await describeSource(snapshot);
  const copies = await Copies.open({
    stores,
    directory,
    settings: {
      uuid: snapshot.state.uuid,
      ctransid: snapshot.state.ctransid,
      parent: parent?.state.uuid ?? null,
      cloneSources: cloneSources.map((source) => source.state.uuid),
      protocol: protocol.version,
      compressedData: protocol.compressedData,
      level,
      maxPartSize,
    },
    pool,
    onFailure: (store, failure) => context.onFailure(store, failure),
    onDifference: (store, used) => deps.emit(draftDiffers(store, snapshot, used)),
  });
  const meter = new Meter('export', name, deps.emit);
  const examination = new StreamExamination();

  /** Passes on the blocks that an archive needs compressed. */
  async function* fresh(blocks: AsyncIterable<PlainBlock>): AsyncGenerator<PlainBlock> {
    for await (const block of blocks) {
      const { slot, bytes } = block;
      examination.push(bytes);
      meter.bytes += bytes.length;
      meter.stored = copies.stored;
      meter.tick();
      if (await copies.offer(bytes)) yield block;
      else pool.release(slot);
    }
  }

  const measuring = new AbortController();
  const sending = await send(sendOptions(snapshot, parent, cloneSources, protocol, deps.signal));
  let measured = Promise.resolve();
  if (context.size !== undefined) meter.total = context.size;
  else {
    const options = sendOptions(snapshot, parent, cloneSources, protocol, measuring.signal);
    measured = measure(options, meter);
  }
  try {
    const blocks = fresh(plainBlocks(sending, pool));
    for await (const frame of compressFrames(blocks, pool, level)) await copies.add(frame);
    await sending.done;
    const summary = examination.finish();
    assertAnnounced(summary, step);
    const { bytes: length } = meter;
    await copies.publish((parts, framesXxh64) => {
      const stream = { length, framesXxh64 };
      return manifestOf({ summary, source, stream, parts, step, level, nameOf });
    });
  } catch (error) {
    sending.stop();
    await copies.leave();
    await sending.done.catch(() => {});
    throw sendFailure(snapshot, error);
  } finally {
    measuring.abort();
    await measured;
  }
  meter.stored = copies.stored;
  meter.done(directory, copies.frames);
  return { bytes: meter.bytes, stored: meter.stored };
}

/** Milliseconds after which it is worth knowing how long a stream will be. */
const SOON = 1000;

/** Finds out how long the stream will be while it is on its way; without it, nobody is worse off. */
async function measure(options: SendOptions, meter: Meter): Promise<void> {
  try {
    await setTimeout(SOON, undefined, { signal: options.signal });
    meter.total = await measureStream(options);
  } catch {
    // The send itself tells what is wrong.
  }
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
 * A stream that is damaged when it comes is no damage of anything stored. Seen of every `btrfs
 * send` that was stopped for some seconds and continued.
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

/** The stream must be of the snapshot that was planned, and whole. */
function assertAnnounced(summary: Summary, { snapshot }: ExportStep): void {
  const { uuid, ctransid } = snapshot.state;
  if (summary.identity.uuid === uuid && String(summary.identity.ctransid) === ctransid) return;
  throw new Failure('send-failed', `${snapshot.path} changed while it was being sent`, {
    hint: 'run the same command again',
    where: { path: snapshot.path, uuid },
  });
}

async function describeSource({ path }: Snapshot): Promise<Manifest['source']> {
  const looked = Promise.all([filesystemAt(path), showSubvolume(path)]);
  const [{ uuid: filesystem }, shown] = await looked.catch((error: unknown) => {
    if (!(error instanceof Failure) || error.code !== 'not-found') throw error;
    throw new Failure('send-failed', `${path} went away`, {
      hint: 'check that its filesystem is mounted, then run the same command again',
      where: { path },
      cause: error,
    });
  });
  return {
    filesystem,
    host: hostname() || null,
    path: byteString(absolutePath(path)),
    pathInFilesystem: byteString(shown.path),
    uuid: shown.uuid,
    receivedUuid: shown.receivedUuid,
    parentUuid: shown.parentUuid,
    generation: String(shown.generation),
    creationGeneration: String(shown.creationTransid),
    createdAt: new Date(Number(shown.createdAt / 1_000_000n)).toISOString(),
  };
}

function manifestOf({
  summary,
  source,
  stream,
  parts,
  step,
  level,
  nameOf,
}: {
  summary: Summary;
  source: Manifest['source'];
  stream: Pick<Manifest['stream'], 'length' | 'framesXxh64'>;
  parts: ManifestPart[];
  step: ExportStep;
  level: number;
  nameOf: NameOf;
}): Unsealed<Manifest> {
  const known = [...(step.parent === null ? [] : [step.parent]), ...step.cloneSources];
  const requirement = ({ uuid, ctransid }: Identity) => {
    const snapshot = known.find(
      ({ state }) => state.uuid === uuid && state.ctransid === String(ctransid),
    );
    return {
      uuid,
      ctransid: String(ctransid),
      sendTransid: snapshot?.state.sendTransid ?? null,
      ...(snapshot === undefined ? {} : { name: nameOf(snapshot).title }),
    };
  };
  return {
    format: 'btrferry/manifest',
    version: FORMAT_VERSION,
    features: [],
    name: byteString(summary.name),
    kind: summary.kind,
    identity: {
      uuid: summary.identity.uuid,
      ctransid: String(summary.identity.ctransid),
      sendTransid: step.snapshot.state.sendTransid,
    },
    parent: summary.parent === null ? null : requirement(summary.parent),
    cloneSources: summary.cloneSources.map(requirement),
    stream: {
      protocol: summary.version,
      ...stream,
      commands: summary.commandCounts as Record<string, number>,
      compressedData: summary.compressedData,
    },
    receiver: summary.needs,
    compression: { algorithm: 'zstd', level, frameSize: FRAME_SIZE },
    parts,
    source,
    tool: program,
    createdAt: new Date().toISOString(),
  };
}
