import type { StoredStream } from '../../archive/catalog.ts';
import { checkSums, readSeekTable } from '../../archive/part.ts';
import { Failure, type FailureCode } from '../../failure/failure.ts';
import type { ManifestPart } from '../../manifest/schema.ts';
import { textFromBytes } from '../../manifest/text.ts';
import { Salvage } from '../../sendstream/salvage.ts';
import { openStream } from '../../zstd/decompress-any.ts';
import { examineFrames, packedFrames } from '../../zstd/pipeline.ts';
import type { Examined, FramePool } from '../../zstd/pool.ts';
import type { SeekEntry } from '../../zstd/seek-table.ts';
import type { StreamVerified } from '../event.ts';

/**
 * Reads a stream past everything that is damaged or gone, and finds out which bytes and which
 * files of it are lost.
 */
export async function findLosses(
  stream: StoredStream,
  pool: FramePool,
  signal: AbortSignal,
): Promise<Pick<StreamVerified, 'failures' | 'losses'>> {
  const salvage = new Salvage(stream.manifest.stream.protocol);
  const failures: Failure[] = [];
  for (const part of stream.manifest.parts) {
    signal.throwIfAborted();
    failures.push(...(await readPart(stream, part, salvage, pool)));
  }
  const losses = salvage.finish().map(({ from, to, paths }) => ({
    from,
    to,
    files: paths.map(textFromBytes),
  }));
  return { failures, losses };
}

async function readPart(
  stream: StoredStream,
  part: ManifestPart,
  salvage: Salvage,
  pool: FramePool,
): Promise<Failure[]> {
  const path = `${stream.directory}/${part.file}`;
  try {
    const entries = await readSeekTable(stream.store, path, part);
    const failures = await readFrames(stream, path, part, entries, salvage, pool);
    return failures.length > 0 ? failures : await wholePart(stream, part);
  } catch (error) {
    const failure = expected(error);
    return [failure, ...(await readWithoutTable(stream, path, part, salvage))];
  }
}

/** Frame by frame, from one that can't be read on to the next. */
async function readFrames(
  { store }: StoredStream,
  path: string,
  part: ManifestPart,
  entries: readonly SeekEntry[],
  salvage: Salvage,
  pool: FramePool,
): Promise<Failure[]> {
  const failures: Failure[] = [];
  const end = entries.reduce((sum, entry) => sum + entry.size, 0);
  let next = 0;
  let offset = 0;
  let at = part.offset;
  const step = ({ content, failure }: Examined) => {
    const entry = entries[next] as SeekEntry;
    if (failure !== undefined) failures.push(located(failure, path, next, offset, at, entry));
    if (content === undefined) salvage.gap(entry.length);
    else salvage.push(content);
    next++;
    offset += entry.size;
    at += entry.length;
  };
  while (next < entries.length) {
    const bytes = store.read(path, { start: offset, end });
    try {
      for await (const content of examineFrames(
        packedFrames(bytes, entries.slice(next), pool),
        pool,
      )) {
        step(content);
      }
    } catch (error) {
      step({ failure: expected(error) });
    }
  }
  return failures;
}

/** A part whose seek table is gone is read from its start as far as that goes. */
async function readWithoutTable(
  { store }: StoredStream,
  path: string,
  part: ManifestPart,
  salvage: Salvage,
): Promise<Failure[]> {
  let length = 0;
  const failures: Failure[] = [];
  try {
    for await (const content of openStream(kept(store.read(path)))) {
      const wanted = content.subarray(0, part.streamLength - length);
      salvage.push(wanted);
      length += wanted.length;
    }
  } catch (error) {
    const failure = expected(error);
    if (failure.code !== 'read-failed') failures.push(failure);
  }
  if (length < part.streamLength) salvage.gap(part.streamLength - length);
  return failures;
}

/** Copies of pieces, for a reader that looks ahead. */
async function* kept(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) yield new Uint8Array(piece);
}

/** Frames may all be whole where the part as stored is not. */
async function wholePart(stream: StoredStream, part: ManifestPart): Promise<Failure[]> {
  try {
    await checkSums(stream, part, () => {});
    return [];
  } catch (error) {
    return [expected(error)];
  }
}

function located(
  failure: Failure,
  path: string,
  frame: number,
  offset: number,
  at: number,
  { length }: SeekEntry,
): Failure {
  const range = `bytes ${at} to ${at + length} of the stream`;
  return new Failure(failure.code, `${path}: frame ${frame} (${range}): ${failure.message}`, {
    hint: 'restore this file from another copy of the archive, or export the snapshot again',
    where: { ...failure.where, file: path, offset },
    cause: failure,
  });
}

/** What tells of damage; thrown on where it tells of something else. */
export function expected(error: unknown): Failure {
  const other: readonly FailureCode[] = ['interrupted', 'storage-failed'];
  if (error instanceof Failure && !other.includes(error.code)) return error;
  throw error;
}
