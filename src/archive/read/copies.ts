import type { Failure } from '../../failure/failure.ts';
import { FramesHash } from '../../zstd/checksum.ts';
import type { FrameContent } from '../../zstd/frame-states.ts';
import { decompressFrames } from '../../zstd/pipeline.ts';
import type { FramePool } from '../../zstd/pool.ts';
import { failureIn, isDamage } from './damage.ts';
import { storedFrames } from './frames.ts';
import { checkFrames } from './integrity.ts';
import { readSeekTable } from './seek-table.ts';
import type { StoredStream } from './stored-stream.ts';

/**
 * Several archives that hold a stream make one whole: each frame is taken from a copy that has it
 * good. Frames are pieces of the stream at the same offsets in every copy, whatever its parts are.
 */

/** A frame that one copy does not have good, and the copy that is read instead from there on. */
export interface TakenOver {
  readonly failure: Failure;
  /** Where the frame begins in the stream. */
  readonly offset: number;
  /** Undefined if all frames are good, and other bytes of a part differ. */
  readonly instead: StoredStream | undefined;
}

/** A key that streams of several archives share if they hold the same bytes, in whatever parts. */
export function contentKey({ uuid, manifest: { stream } }: StoredStream): string {
  return `${uuid} ${stream.framesXxh64} ${stream.length}`;
}

/**
 * Reads and checks the frames of a stream in order. Reads one copy until a frame of it fails, and goes
 * on with the next copy from there. The caller compares the frames with `framesXxh64`. A copy in a
 * pipe cannot be read from its middle, and is read alone.
 *
 * @param onTaken is called for each frame that another copy provides
 * @throws {Failure} the first failure of a frame that no copy has good
 */
export async function* gatheredFrames(
  stream: StoredStream,
  copies: readonly StoredStream[],
  pool: FramePool,
  onTaken: (taken: TakenOver) => void,
): AsyncGenerator<FrameContent, void, undefined> {
  const order = readable(stream, copies);
  const { length } = stream.manifest.stream;
  let offset = 0;
  /** The copies that do not have the frame at `offset`, and why. */
  let failures: Failure[] = [];
  for (let at = 0; offset < length; at = (at + 1) % order.length) {
    const copy = order[at] as StoredStream;
    const changed: Failure[] = [];
    const onChanged = (failure: Failure) => {
      if (order.length === 1) throw failure;
      changed.push(failure);
    };
    try {
      const frames = storedFrames(copy, pool, { from: offset, onChanged });
      for await (const frame of decompressFrames(frames, pool)) {
        // A frame that is good ends the search for it.
        for (const failure of failures) onTaken({ failure, offset, instead: copy });
        failures = [];
        offset += frame.content.length;
        yield frame;
      }
      tellChanged(changed, undefined);
      return;
    } catch (error) {
      if (!isDamage(error)) throw error;
      // A part with a damaged frame has another SHA-256 as well.
      tellChanged(changed, error.where.file);
      failures.push(failureIn(copy, error) as Failure);
      if (failures.length === order.length) throw failures[0];
    }
  }

  function tellChanged(changed: readonly Failure[], besides: string | undefined): void {
    for (const failure of changed) {
      if (failure.where.file !== besides) onTaken({ failure, offset, instead: undefined });
    }
  }
}

/**
 * Looks for a table of each frame in any copy, without reading frames. Returns the failure of the
 * stream if no copy lists some frame, or if what they list is not the stream.
 */
export async function checkGathered(
  stream: StoredStream,
  copies: readonly StoredStream[],
): Promise<Failure | undefined> {
  const order = readable(stream, copies);
  const { length, framesXxh64 } = stream.manifest.stream;
  const hash = new FramesHash();
  let first: Failure | undefined;
  let offset = 0;
  search: while (offset < length) {
    for (const copy of order) {
      const part = copy.manifest.parts.find(
        (each) => each.offset <= offset && offset < each.offset + each.streamLength,
      );
      if (part === undefined) continue;
      try {
        let at = part.offset;
        for (const entry of await readSeekTable(copy, part)) {
          if (at >= offset) hash.add(entry.checksum);
          at += entry.length;
        }
        offset = at;
        continue search;
      } catch (error) {
        if (!isDamage(error)) throw error;
        first ??= error;
      }
    }
    return first;
  }
  return hash.hex() === framesXxh64 ? undefined : (first ?? (await checkFrames(stream)));
}

/** The streams in other archives whose manifests describe the same bytes. */
export function copiesOf(stream: StoredStream, others: readonly StoredStream[]): StoredStream[] {
  const key = contentKey(stream);
  return others.filter((other) => other.source !== stream.source && contentKey(other) === key);
}

/** The stream and those of its copies that can be read from their middle. */
function readable(stream: StoredStream, copies: readonly StoredStream[]): readonly StoredStream[] {
  if (stream.source.position !== undefined) return [stream];
  return [stream, ...copies.filter(({ source }) => source.position === undefined)];
}
