import { createHash } from 'node:crypto';
import { Failure } from '../../failure/failure.ts';
import type { ManifestPart } from '../../manifest/schema.ts';
import { readWhole } from '../../store/store.ts';
import { ByteReader } from '../../zstd/byte-reader.ts';
import type { StoredFrame } from '../../zstd/frame-states.ts';
import { readFrames, readFramesInTurn } from '../../zstd/pipeline.ts';
import type { FramePool } from '../../zstd/pool.ts';
import { type SeekEntry, SeekTable } from '../../zstd/seek-table.ts';
import { fromCopy, partChanged } from './damage.ts';
import { readSeekTable } from './seek-table.ts';
import { placeIn, type StreamSource } from './source.ts';
import type { StoredParts } from './stored-stream.ts';

/**
 * Reads the stored frames of a stream in order, part by part, into slots of `pool`. Checks the seek
 * table of each part before its frames, and its SHA-256 after them: the frames of a part are not
 * proved before the next part begins or the iteration ends.
 *
 * @param options `from`: the offset in the stream of the first frame to read (default 0). The part
 *   in whose middle it lies has only its frames checked. `onChanged` takes the failure of a part
 *   whose SHA-256 differs though its frames could be read; it throws by default
 * @throws {Failure} `part-missing`, `part-damaged`, `seek-table-damaged`, `read-failed`
 */
export async function* storedFrames(
  stream: StoredParts,
  pool: FramePool,
  { from = 0, onChanged = raise }: FrameOptions = {},
): AsyncGenerator<StoredFrame> {
  const { source, manifest } = stream;
  if (source.position !== undefined) {
    yield* framesInTurn(stream, pool);
    return;
  }
  for (const part of manifest.parts) {
    if (part.offset + part.streamLength <= from) continue;
    const entries = await readSeekTable(stream, part);
    if (from > part.offset) {
      const { frames, bytes, at } = framesBefore(part, entries, from);
      if (at !== from) throw noFrameAt(stream, part, from, at);
      yield* framesIn(source, part.file, entries.slice(frames), pool, bytes);
      continue;
    }
    const hash = createHash('sha256');
    for await (const frame of framesIn(source, part.file, entries, pool)) {
      hash.update(frame.stored);
      yield frame;
    }
    const start = entries.reduce((sum, entry) => sum + entry.size, 0);
    for await (const piece of source.read(part.file, { start, end: part.length })) {
      hash.update(piece);
    }
    const sha256 = hash.digest('hex');
    if (sha256 !== part.sha256) onChanged(partChanged(stream, part, sha256));
  }
}

interface FrameOptions {
  readonly from?: number;
  readonly onChanged?: (failure: Failure) => void;
}

function raise(failure: Failure): never {
  throw failure;
}

/**
 * Counts the frames of a part that end at or before an offset of the stream, and their bytes. `at` is
 * the offset where the next one begins: another one if none begins at `offset`.
 */
export function framesBefore(
  part: ManifestPart,
  entries: readonly SeekEntry[],
  offset: number,
): { frames: number; bytes: number; at: number } {
  let [frames, bytes, at] = [0, 0, part.offset];
  for (const { size, length } of entries) {
    if (at >= offset) break;
    frames++;
    bytes += size;
    at += length;
  }
  return { frames, bytes, at };
}

function noFrameAt(
  { source }: StoredParts,
  { file }: ManifestPart,
  offset: number,
  at: number,
): Failure {
  const place = placeIn(source, file);
  return new Failure('seek-table-damaged', `${place.file}: no frame begins at ${offset}`, {
    hint: fromCopy(source.directory),
    where: { ...place, expected: `${offset}`, found: `${at}` },
  });
}

/** Does the same where files can be read only once, from start to end: the seek table comes last. */
async function* framesInTurn(stream: StoredParts, pool: FramePool): AsyncGenerator<StoredFrame> {
  const { source, manifest } = stream;
  for (const part of manifest.parts) {
    const place = placeIn(source, part.file);
    const reader = new ByteReader(source.read(part.file));
    const hash = createHash('sha256');
    const table = new SeekTable();
    try {
      for await (const frame of readFramesInTurn(reader, pool, place)) {
        hash.update(frame.stored);
        table.add(frame.entry);
        yield frame;
      }
      const expected = table.encode();
      const found = (await readWhole(reader.rest(), expected.length)) ?? new Uint8Array(0);
      if (!Buffer.from(expected).equals(found)) throw otherTable(stream, part);
      hash.update(found);
    } finally {
      await reader.close();
    }
    const sha256 = hash.digest('hex');
    if (sha256 !== part.sha256) throw partChanged(stream, part, sha256);
  }
}

function otherTable({ source }: StoredParts, { file }: ManifestPart): Failure {
  const place = placeIn(source, file);
  return new Failure('seek-table-damaged', `${place.file}: its seek table is not of its frames`, {
    hint: fromCopy(source.directory),
    where: place,
  });
}

/**
 * Reads the frames that `entries` describe from byte `start` of a part on. The file stays open until
 * the iteration ends, which may be long after its consumer stopped.
 */
export async function* framesIn(
  source: StreamSource,
  file: string,
  entries: readonly SeekEntry[],
  pool: FramePool,
  start = 0,
): AsyncGenerator<StoredFrame> {
  const opened = await source.open(file);
  try {
    yield* readFrames(opened, entries, pool, { place: placeIn(source, file), start });
  } finally {
    opened.close();
  }
}
