import { failureIn, streamDiffers } from '../../archive/read/damage.ts';
import { storedFrames } from '../../archive/read/frames.ts';
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
import type { Receiver, Receiving } from '../../btrfs/receive.ts';
import type { Confinement } from '../../btrfs/sandbox.ts';
import { Failure } from '../../failure/failure.ts';
import type { StateRecord } from '../../names/state.ts';
import { COMMAND_HEADER, STREAM_HEADER } from '../../sendstream/commands.ts';
import { StreamExamination } from '../../sendstream/examination.ts';
import { renameFirst } from '../../sendstream/writer.ts';
import { FramesHash } from '../../zstd/checksum.ts';
import { decompressFrames } from '../../zstd/pipeline.ts';
import type { FramePool } from '../../zstd/pool.ts';
import { Meter } from '../meter.ts';
import type { Context } from '../operation.ts';
import type { ImportStep } from './names.ts';
import { type HeldRequirements, holdRequirements } from './requirements.ts';
import { incomingName } from './temporary.ts';

export interface ImportJob {
  readonly into: string;
  readonly filesystem: Filesystem;
  readonly pool: FramePool;
  readonly receiver: Receiver;
  /** What tells which states are one, by UUID. */
  readonly records: ReadonlyMap<string, readonly StateRecord[]>;
  /** How `btrfs receive` is confined, told for each stream. */
  readonly onConfinement: (confinement: Confinement) => void;
  readonly place: { readonly index: number; readonly count: number };
  readonly context: Context;
}

/**
 * Receives one stream: read, decompress, check each command, receive under a temporary name,
 * prove, rename. Nothing reaches `btrfs receive` unchecked, and END only once every hash of the
 * stream was found right, so a stream that isn't can't become a finished subvolume.
 */
export async function importStream(
  { stream, as }: ImportStep,
  job: ImportJob,
): Promise<{ bytes: number; stored: number }> {
  const { into, filesystem, pool, receiver, records, place, context, onConfinement } = job;
  const { manifest } = stream;
  context.emit({ type: 'stream-begun', action: 'import', stream: stream.called, ...place });
  const meter = new Meter('import', stream.called, context.emit);
  meter.total = manifest.stream.length;
  const temporary = incomingName(stream.uuid);
  const examination = new StreamExamination();
  const hash = new FramesHash();
  const { signal } = context;
  let held: HeldRequirements | undefined;
  const feed = new Feed(async () => {
    held = await holdRequirements(stream, { into, filesystem, records, signal });
    const receiving = await receiver.receive(signal);
    onConfinement(receiving.confinement);
    return receiving;
  });
  try {
    await assertStillMounted(into, filesystem);
    let first = true;
    for await (const frame of decompressFrames(storedFrames(stream, pool), pool)) {
      context.signal.throwIfAborted();
      hash.add(frame.checksum);
      const checked = examination.push(frame.content);
      if (first) assertMatches(stream, announcedDifference(manifest, examination.announced));
      assertMatches(stream, sourcesDifference(manifest, examination.cloneSources));
      if (first) renameSubvolumeOf(checked, temporary);
      first = false;
      await feed.write(checked);
      meter.bytes += frame.content.length;
      meter.stored = stream.cost * (meter.bytes / manifest.stream.length);
      meter.tick();
    }
    const summary = examination.finish();
    assertMatches(stream, streamDifference(manifest, summary, meter.bytes, hash.hex()));
    await feed.drain();
    // What the kernel wrote after END would have to be told from a change. Should this fail, so
    // does the sync that the proof waits for.
    await syncFilesystem(into).catch(() => {});
    await feed.end();
    await assertStillMounted(into, filesystem);
    const { parent = null } = held ?? {};
    await prove(`${into}/${temporary}`, { ...summary.identity, parent }, signal);
    await held?.unchanged();
    await renameSubvolume(into, temporary, as);
    // A name that a power cut takes back would make the next import remove what it stands for.
    await syncFilesystem(into);
  } catch (error) {
    await feed.abort();
    // Where that fails, the next import does it; what went wrong before is what counts.
    if (feed.started) await deleteSubvolume(`${into}/${temporary}`).catch(() => {});
    throw failureIn(stream, error);
  }
  meter.stored = stream.cost;
  meter.done(as.toString());
  return { bytes: meter.bytes, stored: meter.stored };
}

/**
 * Feeds `btrfs receive`, while the caller checks what comes next. The last block waits for the
 * next, or for {@link Feed.end}: so END, and a stream of a single block, are known to be right
 * before they are handed over.
 */
class Feed {
  readonly #start: () => Promise<Receiving>;
  #receiving: Receiving | undefined;
  /** Checked, and not handed over: its own memory. */
  #held: Uint8Array | undefined;
  #handed = Promise.resolve();
  /** Memory for the next block, and that of the last, which is handed over meanwhile. */
  #rooms: [Uint8Array, Uint8Array] = [new Uint8Array(0), new Uint8Array(0)];

  constructor(start: () => Promise<Receiving>) {
    this.#start = start;
  }

  get started(): boolean {
    return this.#receiving !== undefined;
  }

  /** Takes a copy of checked bytes. What it throws is about those before them. */
  async write(pieces: readonly Uint8Array[]): Promise<void> {
    await this.#handOver();
    const [room, other] = this.#rooms;
    this.#held = gathered(pieces, room);
    this.#rooms = [other, new Uint8Array(this.#held.buffer)];
  }

  /** Resolves when all but the last command was received. */
  async drain(): Promise<void> {
    const held = this.#held as Uint8Array;
    this.#held = held.subarray(0, -END_COMMAND);
    await this.#handOver();
    await this.#handed;
    await this.#receiving?.drain();
    this.#held = held.subarray(-END_COMMAND);
  }

  async end(): Promise<void> {
    await this.#handOver();
    await this.#handed;
    const receiving = this.#receiving as Receiving;
    await receiving.end();
  }

  async abort(): Promise<void> {
    await this.#receiving?.abort();
  }

  async #handOver(): Promise<void> {
    if (this.#held === undefined) return;
    this.#receiving ??= await this.#start();
    await this.#handed;
    this.#handed = this.#receiving.write(this.#held);
    this.#handed.catch(() => {}); // thrown when the next block comes
  }
}

/** Bytes of the command END, which has no attributes. */
const END_COMMAND = COMMAND_HEADER;

/** All pieces in one, in `room` where they fit. */
function gathered(pieces: readonly Uint8Array[], room: Uint8Array): Uint8Array {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const bytes = length > room.length ? new Uint8Array(length) : room.subarray(0, length);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** Gives the subvolume that the stream's first command makes another name, in place. */
function renameSubvolumeOf(pieces: Uint8Array[], name: string): void {
  const [opening, ...others] = pieces;
  if (opening === undefined) return;
  const view = new DataView(opening.buffer, opening.byteOffset, opening.byteLength);
  const end = STREAM_HEADER + COMMAND_HEADER + view.getUint32(STREAM_HEADER, true);
  const header = opening.subarray(0, STREAM_HEADER);
  const command = renameFirst(opening.subarray(STREAM_HEADER, end), Buffer.from(name));
  pieces.splice(0, pieces.length, header, command, opening.subarray(end), ...others);
}

/** A drive that is unmounted leaves a directory behind, which may be of another btrfs. */
async function assertStillMounted(into: string, { mount }: Filesystem): Promise<void> {
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
