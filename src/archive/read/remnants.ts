import { Failure } from '../../failure/failure.ts';
import type { ManifestPart } from '../../manifest/schema.ts';
import { ByteReader } from '../../zstd/byte-reader.ts';
import { FRAME_SIZE, frameChecksum, MAX_STORED_SIZE } from '../../zstd/frame.ts';
import { readFrame } from '../../zstd/frame-reader.ts';
import type { StoredFrame } from '../../zstd/frame-states.ts';
import { kept } from '../../zstd/pieces.ts';
import { decompressFrames } from '../../zstd/pipeline.ts';
import type { FramePool } from '../../zstd/pool.ts';
import type { SeekEntry } from '../../zstd/seek-table.ts';
import { checkGathered } from './copies.ts';
import { failureIn, isDamage } from './damage.ts';
import { framesBefore, framesIn } from './frames.ts';
import { readSeekTable } from './seek-table.ts';
import type { StoredStream } from './stored-stream.ts';

/** The next bytes of a damaged stream: the contents of a frame, or a range that no copy has. */
export type Remnant =
  | {
      /** Bytes that have passed the checksum of their frame. Valid until the next remnant. */
      readonly content: Uint8Array;
    }
  | Missing;

/** A range of a stream whose frames no copy has good. */
export interface Missing {
  /** Bytes from the start of the stream; `to` is exclusive. */
  readonly from: number;
  readonly to: number;
  /** The failure of the first copy. */
  readonly failure: Failure;
}

/**
 * Reads what is left of a stream, in order and without a gap. Takes each frame from a copy that has it
 * good. If the seek tables are not those of the manifest, or one is lost, it finds frames by their
 * headers as far as these are whole, and each frame must match the checksum that it holds. None of the
 * copies may lie in a pipe. Memory grows with the number of frames of a part.
 *
 * @throws {Failure} those that are no damage
 */
export async function* remnants(
  stream: StoredStream,
  copies: readonly StoredStream[],
  pool: FramePool,
): AsyncGenerator<Remnant, void, undefined> {
  const proved = (await checkGathered(stream, copies)) === undefined;
  const order = [stream, ...copies].map((copy) => new Copy(copy, pool, proved));
  const { length } = stream.manifest.stream;
  let offset = 0;
  /** The failures of the copies that do not have the frame at `offset`. */
  let failures: Failure[] = [];
  for (let at = 0; offset < length; ) {
    const copy = order[at % order.length] as Copy;
    try {
      for await (const content of copy.from(offset)) {
        offset += content.length;
        failures = [];
        yield { content };
      }
    } catch (error) {
      failures.push(copy.damageIn(error));
      at++;
    }
    if (failures.length < order.length) continue;
    const ends = await Promise.all(order.map((each) => each.endOfFrame(offset)));
    const to = Math.min(length, ...ends);
    yield { from: offset, to, failure: failures[0] as Failure };
    offset = to;
    failures = [];
  }
}

/** The frames of a part, from its start, as far as they can be found. */
interface FoundFrames {
  readonly part: ManifestPart;
  readonly entries: readonly SeekEntry[];
  /** The reason why they do not reach the end of the part. */
  readonly failure: Failure | undefined;
}

/** One copy of a stream, part by part. */
class Copy {
  readonly #stream: StoredStream;
  readonly #pool: FramePool;
  readonly #proved: boolean;
  #found: FoundFrames | undefined;

  /** @param proved the seek tables are those of the manifest */
  constructor(stream: StoredStream, pool: FramePool, proved: boolean) {
    this.#stream = stream;
    this.#pool = pool;
    this.#proved = proved;
  }

  /**
   * Reads the frames from an offset of the stream up to the end of their part.
   *
   * @throws {Failure} that of the first frame that is not good
   */
  async *from(offset: number): AsyncGenerator<Uint8Array, void, undefined> {
    const { part, entries, failure } = await this.#framesAt(offset);
    const { frames, bytes, at } = framesBefore(part, entries, offset);
    const rest = entries.slice(frames);
    if (at !== offset || rest.length === 0) {
      throw failure ?? new Failure('seek-table-damaged', `no frame begins at ${offset}`);
    }
    const { source } = this.#stream;
    const stored = framesIn(source, part.file, rest, this.#pool, bytes);
    const expected = this.#proved ? stored : withOwnChecksums(stored);
    for await (const { content } of decompressFrames(expected, this.#pool)) yield content;
  }

  /** The end of the frame at an offset of the stream, or of its part if that is not known. */
  async endOfFrame(offset: number): Promise<number> {
    const { part, entries } = await this.#framesAt(offset);
    let end = part.offset;
    for (const { length } of entries) {
      end += length;
      if (end > offset) return end;
    }
    return part.offset + part.streamLength;
  }

  /** Returns the damage of this copy that an error stands for, and throws any other error. */
  damageIn(error: unknown): Failure {
    if (!isDamage(error)) throw error;
    return failureIn(this.#stream, error) as Failure;
  }

  async #framesAt(offset: number): Promise<FoundFrames> {
    const { parts } = this.#stream.manifest;
    const part = parts.find((each) => offset < each.offset + each.streamLength) as ManifestPart;
    if (this.#found?.part !== part) this.#found = await this.#find(part);
    return this.#found;
  }

  async #find(part: ManifestPart): Promise<FoundFrames> {
    const table = await readSeekTable(this.#stream, part).catch((error: unknown) => {
      if (isDamage(error)) return error;
      throw error;
    });
    const isTable = !(table instanceof Failure);
    if (isTable && this.#proved) return { part, entries: table, failure: undefined };
    const { entries, length, failure } = await scanned(this.#stream, part);
    // The table goes on where the headers of frames are lost.
    let at = 0;
    const others = (isTable ? table : []).filter((entry) => {
      at += entry.length;
      return at > length;
    });
    const because = failure ?? (isTable ? undefined : table);
    return { part, entries: [...entries, ...others], failure: because };
  }
}

/** Finds the frames at the start of a part by their headers. */
async function scanned({ source, manifest }: StoredStream, part: ManifestPart) {
  const reader = new ByteReader(kept(source.read(part.file)));
  const into = new Uint8Array(MAX_STORED_SIZE);
  const entries: SeekEntry[] = [];
  const left = manifest.stream.length - part.offset;
  let length = 0;
  let failure: Failure | undefined;
  try {
    while (length < part.streamLength) {
      const entry = await readFrame(reader, into);
      if (entry?.length !== Math.min(FRAME_SIZE, left - length)) break;
      entries.push(entry);
      length += entry.length;
    }
  } catch (error) {
    if (!isDamage(error)) throw error;
    failure = error;
  } finally {
    await reader.close();
  }
  return { entries, length, failure };
}

/** Lets each frame be compared with the checksum that it holds itself. */
async function* withOwnChecksums(frames: AsyncIterable<StoredFrame>): AsyncGenerator<StoredFrame> {
  for await (const frame of frames) {
    yield { ...frame, entry: { ...frame.entry, checksum: frameChecksum(frame.stored) } };
  }
}
