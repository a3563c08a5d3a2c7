import { gatheredFrames, type TakenOver } from '../../archive/read/copies.ts';
import { streamDiffers } from '../../archive/read/damage.ts';
import {
  announcedDifference,
  sourcesDifference,
  streamDifference,
} from '../../archive/read/match.ts';
import type { StoredStream } from '../../archive/read/stored-stream.ts';
import { deleteSubvolume, renameSubvolume, syncFilesystem } from '../../btrfs/change.ts';
import type { Filesystem } from '../../btrfs/filesystem.ts';
import { mountOf } from '../../btrfs/mounts.ts';
import { prove } from '../../btrfs/proof.ts';
import type { Receiver } from '../../btrfs/receive.ts';
import type { Confinement } from '../../btrfs/sandbox.ts';
import { Failure } from '../../failure/failure.ts';
import type { StateRecord } from '../../names/state.ts';
import { StreamExamination } from '../../sendstream/examination.ts';
import type { Summary } from '../../sendstream/summary.ts';
import { FramesHash } from '../../zstd/checksum.ts';
import type { FramePool } from '../../zstd/pool.ts';
import { withCures } from '../archives/cures.ts';
import { frameTaken } from '../archives/frame-taken.ts';
import { Meter } from '../meter.ts';
import type { Context } from '../operation.ts';
import { Feed, renameInStream } from './feed.ts';
import type { ImportStep } from './names.ts';
import { type HeldRequirements, holdRequirements } from './requirements.ts';
import { temporaryName } from './temporary.ts';

export interface ImportJob {
  readonly into: string;
  readonly filesystem: Filesystem;
  readonly pool: FramePool;
  readonly receiver: Receiver;
  /** Copies of the stream in other archives, which complete it. */
  readonly copies: readonly StoredStream[];
  /** The records that link states, by UUID. */
  readonly records: ReadonlyMap<string, readonly StateRecord[]>;
  /** Called for each stream with the way in which `btrfs receive` is confined. */
  readonly onConfinement: (confinement: Confinement) => void;
  /** Place of the stream among those of this run, from 1. */
  readonly place: { readonly index: number; readonly count: number };
  readonly context: Context;
}

/**
 * Receives one stream under a temporary name, proves that it was received, and renames it. Checks
 * each frame and each command before `btrfs receive` gets them, and the whole stream before it gets
 * END, so a stream that differs from its manifest cannot become a finished subvolume.
 *
 * @throws {Failure} after it has removed what was received
 */
export async function importStream(
  { stream, as }: ImportStep,
  job: ImportJob,
): Promise<{ bytes: number; stored: number }> {
  const { into, filesystem, receiver, records, place, context, onConfinement } = job;
  const { emit, signal } = context;
  emit({ type: 'stream-begun', action: 'import', stream: stream.called, ...place });
  const meter = new Meter('import', stream.called, emit);
  meter.total = stream.manifest.stream.length;
  const temporary = temporaryName(stream.uuid);
  let held: HeldRequirements | undefined;
  const feed = new Feed(async () => {
    held = await holdRequirements(stream, { into, filesystem, records, signal });
    const receiving = await receiver.receive(signal);
    onConfinement(receiving.confinement);
    return receiving;
  });
  try {
    await assertStillMounted(into, filesystem);
    const { identity } = await feedStream(stream, temporary, feed, meter, job);
    await completeFeed(feed, into, filesystem);
    const parent = held?.parent ?? null;
    await prove(`${into}/${temporary}`, { ...identity, parent }, signal);
    await held?.unchanged();
    await renameSubvolume(into, temporary, as);
    // If a power cut took the new name back, the next import would remove the subvolume.
    await syncFilesystem(into);
  } catch (error) {
    await feed.abort();
    // If this fails, the next import removes it. The error that came first counts.
    if (feed.started) await deleteSubvolume(`${into}/${temporary}`).catch(() => {});
    throw await withCures(stream, error);
  }
  meter.stored = stream.storedBytes;
  meter.done(as.toString());
  return { bytes: meter.bytes, stored: meter.stored };
}

/**
 * Hands over END, and waits until `btrfs receive` has ended.
 *
 * @throws {Failure} `destination-unfit` if the filesystem is gone by then; those of the feed
 */
export async function completeFeed(
  feed: Feed,
  into: string,
  filesystem: Filesystem,
): Promise<void> {
  await feed.drain();
  // A write of the kernel's after END would look like a change. If this sync fails, so does the
  // one that the proof waits for.
  await syncFilesystem(into).catch(() => {});
  await feed.end();
  await assertStillMounted(into, filesystem);
}

/** Reads and checks a stream, and feeds all of it but END. */
async function feedStream(
  stream: StoredStream,
  name: string,
  feed: Feed,
  meter: Meter,
  { pool, copies, context }: ImportJob,
): Promise<Summary> {
  const { manifest } = stream;
  const examination = new StreamExamination();
  const hash = new FramesHash();
  let isFirst = true;
  const onTaken = (taken: TakenOver) => context.emit(frameTaken(stream, taken));
  for await (const frame of gatheredFrames(stream, copies, pool, onTaken)) {
    context.signal.throwIfAborted();
    hash.add(frame.checksum);
    const checked = examination.push(frame.content);
    if (isFirst) assertMatches(stream, announcedDifference(manifest, examination.announced));
    assertMatches(stream, sourcesDifference(manifest, examination.cloneSources));
    if (isFirst) renameInStream(checked, name);
    isFirst = false;
    await feed.write(checked);
    const bytes = meter.bytes + frame.content.length;
    meter.advance(bytes, stream.storedBytes * (bytes / manifest.stream.length));
  }
  const summary = examination.finish();
  assertMatches(stream, streamDifference(manifest, summary, meter.bytes, hash.hex()));
  return summary;
}

/** After a drive is unmounted, its mount point may lie on another btrfs. */
export async function assertStillMounted(into: string, { mount }: Filesystem): Promise<void> {
  const here = await mountOf(into).catch(() => undefined);
  if (here?.device === mount.device) return;
  throw new Failure('destination-unfit', `the filesystem at ${into} is no longer mounted there`, {
    hint: 'mount it again, then run the same command again',
    where: { path: into },
  });
}

function assertMatches(stream: StoredStream, difference: string | undefined): void {
  if (difference !== undefined) throw streamDiffers(stream, difference);
}
