import type { StoredStream } from '../../archive/catalog.ts';
import { storedFrames } from '../../archive/part.ts';
import type { Confinement } from '../../btrfs/confinement.ts';
import type { Filesystem } from '../../btrfs/filesystem.ts';
import { mountOf } from '../../btrfs/mounts.ts';
import { type Receiving, receive } from '../../btrfs/receive.ts';
import { deleteSubvolume, prove, renameSubvolume, syncFilesystem } from '../../btrfs/received.ts';
import { Failure } from '../../failure/failure.ts';
import { STREAM_HEADER } from '../../sendstream/commands.ts';
import { StreamExamination } from '../../sendstream/examination.ts';
import { renameFirst } from '../../sendstream/writer.ts';
import { decompressFrames } from '../../zstd/pipeline.ts';
import type { FramePool } from '../../zstd/pool.ts';
import { StreamHash } from '../../zstd/stream-hash.ts';
import { Meter } from '../meter.ts';
import type { Deps } from '../operation.ts';
import {
  announcedDifference,
  differsFailure,
  failureIn,
  sourcesDifference,
  streamDifference,
} from '../stream-match.ts';
import type { ImportStep } from './plan.ts';
import { holdRequirements } from './requirements.ts';
import { incomingName } from './temporary.ts';

export interface ImportContext {
  readonly into: string;
  readonly filesystem: Filesystem;
  readonly pool: FramePool;
  /** The relayed ones of the streams at hand, by UUID. */
  readonly relayed: ReadonlyMap<string, readonly StoredStream[]>;
  /** How `btrfs receive` is confined, told for each stream. */
  readonly onConfinement: (confinement: Confinement) => void;
  readonly place: { readonly index: number; readonly count: number };
  readonly deps: Deps;
}

/** Bytes of the END command: a header and nothing more. */
const END_LENGTH = 10;

/**
 * Receives one stream: read, decompress, check each command, receive under a temporary name,
 * prove, rename. Nothing reaches `btrfs receive` unchecked, and END only once every hash of the
 * stream was found right, so a stream that isn't can't become a finished subvolume.
 */
export async function importStream(
  { stream, as }: ImportStep,
  context: ImportContext,
): Promise<{ bytes: number; stored: number }> {
  const { into, filesystem, pool, relayed, place, deps, onConfinement } = context;
  const { manifest } = stream;
  const name = { name: manifest.name, uuid: stream.uuid };
  deps.emit({ type: 'stream-begun', action: 'import', stream: name, ...place });
  const meter = new Meter('import', name, deps.emit);
  meter.total = manifest.stream.length;
  const temporary = incomingName(stream.uuid);
  const examination = new StreamExamination();
  const hash = new StreamHash();
  const { signal } = deps;
  let unchanged = async () => {};
  const feed = new Feed(async () => {
    unchanged = await holdRequirements(stream, { into, filesystem, relayed, signal });
    const receiving = await receive({ into, signal });
    onConfinement(receiving.confinement);
    return receiving;
  });
  try {
    await assertStillMounted(into, filesystem);
    let first = true;
    for await (const block of decompressFrames(storedFrames(stream, pool), pool)) {
      deps.signal.throwIfAborted();
      hash.update(block);
      const checked = examination.push(block);
      if (first) assertMatches(stream, announcedDifference(manifest, examination.announced));
      assertMatches(stream, sourcesDifference(manifest, examination.cloneSources));
      if (first) renameSubvolumeOf(checked, temporary);
      first = false;
      await feed.write(checked);
      meter.bytes += block.length;
      meter.stored = stream.cost * (meter.bytes / manifest.stream.length);
      meter.tick();
    }
    const summary = examination.finish();
    assertMatches(stream, streamDifference(manifest, summary, meter.bytes, hash.hex()));
    await feed.end();
    await assertStillMounted(into, filesystem);
    await prove(`${into}/${temporary}`, summary.identity);
    await unchanged();
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
 * Feeds `btrfs receive`. The first block waits for the second, or for the end, so that a stream
 * of a single block is known to be right before anything is started; the last command waits for
 * {@link Feed.end}.
 */
class Feed {
  readonly #start: () => Promise<Receiving>;
  #receiving: Receiving | undefined;
  #first: Buffer | undefined;
  #blocks = 0;
  #last = Buffer.alloc(0);

  constructor(start: () => Promise<Receiving>) {
    this.#start = start;
  }

  get started(): boolean {
    return this.#receiving !== undefined;
  }

  /** Hands over checked bytes, which may be reused when this resolves. */
  async write(pieces: readonly Uint8Array[]): Promise<void> {
    if (this.#blocks++ === 0) {
      this.#first = Buffer.concat(pieces);
      return;
    }
    await this.#begin();
    for (const piece of pieces) await this.#pass(piece);
  }

  async end(): Promise<void> {
    const receiving = await this.#begin();
    await receiving.write(this.#last);
    await receiving.end();
  }

  async abort(): Promise<void> {
    await this.#receiving?.abort();
  }

  async #begin(): Promise<Receiving> {
    if (this.#receiving !== undefined) return this.#receiving;
    const receiving = await this.#start();
    this.#receiving = receiving;
    const first = this.#first;
    this.#first = undefined;
    if (first !== undefined) await this.#pass(first);
    return receiving;
  }

  /** Passes all on but the last ten bytes, which are those of END when nothing follows. */
  async #pass(piece: Uint8Array): Promise<void> {
    const receiving = this.#receiving as Receiving;
    const length = this.#last.length + piece.length - END_LENGTH;
    if (length <= 0) {
      this.#last = Buffer.concat([this.#last, piece]);
      return;
    }
    const fromLast = Math.min(length, this.#last.length);
    const fromPiece = length - fromLast;
    if (fromLast > 0) await receiving.write(this.#last.subarray(0, fromLast));
    if (fromPiece > 0) await receiving.write(piece.subarray(0, fromPiece));
    this.#last = Buffer.concat([this.#last.subarray(fromLast), piece.subarray(fromPiece)]);
  }
}

/** Gives the subvolume that the stream's first command makes another name, in place. */
function renameSubvolumeOf(pieces: Uint8Array[], name: string): void {
  const [opening, ...others] = pieces;
  if (opening === undefined) return;
  const view = new DataView(opening.buffer, opening.byteOffset, opening.byteLength);
  const end = STREAM_HEADER + END_LENGTH + view.getUint32(STREAM_HEADER, true);
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
  if (difference !== undefined) throw differsFailure(stream, difference);
}
