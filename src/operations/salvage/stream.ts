import { randomUUID } from 'node:crypto';
import { failureIn, streamDiffers } from '../../archive/read/damage.ts';
import { remnants } from '../../archive/read/remnants.ts';
import type { StoredStream } from '../../archive/read/stored-stream.ts';
import {
  deleteSubvolume,
  renameSubvolume,
  syncFilesystem,
  writableSnapshot,
} from '../../btrfs/change.ts';
import type { Filesystem } from '../../btrfs/filesystem.ts';
import { prove } from '../../btrfs/proof.ts';
import type { Receiver } from '../../btrfs/receive.ts';
import type { Confinement } from '../../btrfs/sandbox.ts';
import { infoAt } from '../../btrfs/subvolume.ts';
import { Failure } from '../../failure/failure.ts';
import { type Identity, identityKey } from '../../names/identity.ts';
import { joinPath } from '../../names/path.ts';
import type { Command } from '../../sendstream/commands.ts';
import { StreamExamination } from '../../sendstream/examination.ts';
import { type Lost, Resync } from '../../sendstream/resync.ts';
import { Rescue } from '../../tree/rescue.ts';
import type { FramePool } from '../../zstd/pool.ts';
import { Feed } from '../import/feed.ts';
import { assertStillMounted, completeFeed } from '../import/stream.ts';
import { temporaryName } from '../import/temporary.ts';
import { Meter } from '../meter.ts';
import type { Context } from '../operation.ts';
import { type Findings, reportText } from './findings.ts';
import { reportName } from './names.ts';
import type { SalvageStep } from './plan.ts';
import { removeReport, writeReport } from './report-file.ts';

/** A place to receive in. */
export interface Destination {
  readonly into: string;
  readonly filesystem: Filesystem;
  readonly receiver: Receiver;
  readonly onConfinement: (confinement: Confinement) => void;
}

export interface SalvageJob {
  /** Undefined: only find out what is lost. */
  readonly destination: Destination | undefined;
  readonly pool: FramePool;
  /** Place of the stream among those of this run, from 1. */
  readonly place: { readonly index: number; readonly count: number };
  readonly context: Context;
}

/** The outcome for one damaged stream. */
export interface Salvaged {
  readonly findings: Findings;
  readonly bytes: number;
  readonly stored: number;
}

/**
 * Receives what is left of a damaged stream under a temporary name and a random UUID, proves that it was
 * received, and keeps a writable snapshot of it, which bears no received UUID. Then it writes the report
 * and gives the snapshot its name.
 *
 * @throws {Failure} after it has removed what was received
 */
export async function salvageStream(step: SalvageStep, job: SalvageJob): Promise<Salvaged> {
  const { stream } = step;
  const { destination, place, context } = job;
  const { emit } = context;
  emit({ type: 'stream-begun', action: 'salvage', stream: stream.called, ...place });
  const meter = new Meter('salvage', stream.called, emit);
  meter.total = stream.manifest.stream.length;
  try {
    const findings =
      destination === undefined
        ? (await readWhatIsLeft(step, identity(), temporaryName(stream.uuid), job, meter)).findings
        : await receiveWhatIsLeft(step, destination, job, meter);
    return { findings, bytes: meter.bytes, stored: Math.round(meter.stored) };
  } catch (error) {
    throw failureIn(stream, error);
  }
}

/** An identity that no stream announces, so that none can build on what bears it. */
function identity(): Identity {
  return { uuid: randomUUID(), ctransid: 1n };
}

async function receiveWhatIsLeft(
  step: SalvageStep,
  { into, filesystem, receiver, onConfinement }: Destination,
  job: SalvageJob,
  meter: Meter,
): Promise<Findings> {
  const { stream, as } = step;
  const { signal } = job.context;
  const [temporary, copy] = [temporaryName(stream.uuid), temporaryName(stream.uuid)];
  const [received, snapshot] = [`${into}/${temporary}`, `${into}/${copy}`];
  const feed = new Feed(async () => {
    const receiving = await receiver.receive(signal);
    onConfinement(receiving.confinement);
    return receiving;
  });
  const own = identity();
  let isReported = false;
  try {
    await assertStillMounted(into, filesystem);
    const { findings, end } = await readWhatIsLeft(step, own, temporary, job, meter, feed);
    await feed.write([end]);
    await completeFeed(feed, into, filesystem);
    await prove(received, { ...own, parent: null }, signal);
    await writableSnapshot(received, snapshot);
    await assertUnreceived(snapshot);
    await deleteSubvolume(received);
    const text = reportText(stream, as, findings);
    await writeReport(into, copy, reportName(as), text);
    isReported = true;
    await renameSubvolume(into, copy, as);
    await syncFilesystem(into);
    return findings;
  } catch (error) {
    await feed.abort();
    // If these fail, the next import removes the subvolumes. The error that came first counts.
    if (feed.started) await deleteSubvolume(received).catch(() => {});
    await deleteSubvolume(snapshot).catch(() => {});
    if (isReported) await removeReport(joinPath(into, reportName(as)));
    throw error;
  }
}

/** Checks that a subvolume is writable and bears no received UUID, so that it is nobody's parent. */
async function assertUnreceived(path: string): Promise<void> {
  const { readOnly, receivedUuid } = await infoAt(path);
  if (!readOnly && receivedUuid === null) return;
  const found = `${readOnly ? 'read-only' : 'writable'}, received UUID ${receivedUuid ?? 'none'}`;
  throw new Failure('proof-failed', `the snapshot ${path} is not what it should be: ${found}`, {
    hint: 'what was received is removed; see who changes subvolumes there',
    where: { path, expected: 'writable, received UUID none', found },
  });
}

/** The findings about a stream, and the last command of the stream that was made of it. */
interface WhatIsLeft {
  readonly findings: Findings;
  readonly end: Uint8Array;
}

/** Makes a stream of what is left of one, checks it like any other, and feeds all of it but END. */
async function readWhatIsLeft(
  { stream, copies }: SalvageStep,
  own: Identity,
  name: string,
  { pool, context }: SalvageJob,
  meter: Meter,
  feed?: Feed,
): Promise<WhatIsLeft> {
  const { manifest, storedBytes } = stream;
  const { protocol, length } = manifest.stream;
  const resync = new Resync(protocol, length);
  const rescue = new Rescue(protocol, stream.uuid, own);
  const examination = new StreamExamination();
  const losses: Lost[] = [];
  const missing: Findings['missing'][number][] = [];
  const write = async (made: readonly Uint8Array[]) => {
    if (made.length === 0) return;
    // The commands are views into memory that comes to hold the next bytes.
    const checked = examination.push(Buffer.concat(made));
    await feed?.write(checked);
  };
  const take = (items: Iterable<Command | Lost>) => {
    const made: Uint8Array[] = [];
    for (const item of items) {
      if (item.type === 'LOST') {
        rescue.lose();
        losses.push(item);
      } else {
        assertAnnounced(stream, item);
        made.push(...rescue.take(item));
      }
    }
    return made;
  };
  await write(rescue.begin(Buffer.from(name)));
  for await (const remnant of remnants(stream, copies, pool)) {
    context.signal.throwIfAborted();
    if ('content' in remnant) {
      await write(take(resync.push(remnant.content)));
      const bytes = meter.bytes + remnant.content.length;
      meter.advance(bytes, storedBytes * (bytes / length));
    } else {
      resync.gap(remnant.to - remnant.from);
      missing.push(remnant);
    }
  }
  take(resync.finish());
  const rescued = rescue.finish();
  const end = rescue.end();
  examination.push(end);
  examination.finish();
  // The topmost directory counts too.
  if (rescued.whole + rescued.damaged.length <= 1) throw nothingLeft(stream, missing[0]?.failure);
  return { findings: { rescued, losses, missing }, end };
}

/** The frames that are left can be those of another stream. */
function assertAnnounced(stream: StoredStream, command: Command): void {
  if (command.type !== 'SUBVOL' && command.type !== 'SNAPSHOT') return;
  const { identity: expected } = stream.manifest;
  if (command.type === 'SUBVOL' && identityKey(command) === identityKey(expected)) return;
  throw streamDiffers(stream, `it announces ${identityKey(command)}`);
}

function nothingLeft({ source, uuid }: StoredStream, first: Failure | undefined): Failure {
  const { archive, directory } = source;
  const message = `${directory}: nothing of it can be read, so there is nothing to receive`;
  return new Failure(first?.code ?? 'stream-truncated', message, {
    hint: 'look for the stream in another copy, or export the snapshot again',
    where: { archive, file: directory, uuid },
    cause: first,
  });
}
