import { fromCopy } from '../../archive/read/damage.ts';
import { framesIn } from '../../archive/read/frames.ts';
import { checkSums } from '../../archive/read/integrity.ts';
import { readSeekTable } from '../../archive/read/seek-table.ts';
import { placeIn } from '../../archive/read/source.ts';
import type { StoredStream } from '../../archive/read/stored-stream.ts';
import type { StreamVerified } from '../../events/verify.ts';
import { type Failure, failureOfFile, type Where } from '../../failure/failure.ts';
import type { ManifestPart } from '../../manifest/schema.ts';
import { openStream } from '../../zstd/decompress-any.ts';
import type { ExaminedFrame } from '../../zstd/frame-states.ts';
import { kept } from '../../zstd/pieces.ts';
import { examineFrames } from '../../zstd/pipeline.ts';
import type { FramePool } from '../../zstd/pool.ts';
import type { SeekEntry } from '../../zstd/seek-table.ts';
import { Remains } from './remains.ts';

/** Reads a stream past its damage, and finds out which bytes and which files of it are lost. */
export async function findLosses(
  stream: StoredStream,
  pool: FramePool,
  signal: AbortSignal,
): Promise<Pick<StreamVerified, 'failures' | 'losses' | 'intact'>> {
  const remains = new Remains(stream.manifest, signal);
  const failures: Failure[] = [];
  for (const part of stream.manifest.parts) {
    signal.throwIfAborted();
    failures.push(...(await readPart(stream, part, remains, pool, signal)));
  }
  return { failures, ...remains.finish() };
}

async function readPart(
  stream: StoredStream,
  part: ManifestPart,
  remains: Remains,
  pool: FramePool,
  signal: AbortSignal,
): Promise<Failure[]> {
  try {
    const entries = await readSeekTable(stream, part);
    const failures = await readFrames(stream, part, entries, remains, pool);
    return failures.length > 0 ? failures : await wholePart(stream, part, signal);
  } catch (error) {
    const failure = failureOfFile(error);
    return [failure, ...(await readWithoutTable(stream, part, remains))];
  }
}

/** Reads a part frame by frame, and goes on after one that cannot be read. */
async function readFrames(
  stream: StoredStream,
  part: ManifestPart,
  entries: readonly SeekEntry[],
  remains: Remains,
  pool: FramePool,
): Promise<Failure[]> {
  const place = placeIn(stream.source, part.file);
  const failures: Failure[] = [];
  let next = 0;
  let offset = 0;
  let at = part.offset;
  const step = async ({ content, failure }: ExaminedFrame) => {
    const entry = entries[next] as SeekEntry;
    if (failure !== undefined) {
      const range = `bytes ${at} to ${at + entry.length} of the stream`;
      const where = { ...place, offset };
      failures.push(located(stream, failure, `${place.file}: frame ${next} (${range})`, where));
    }
    next++;
    offset += entry.size;
    at += entry.length;
    if (content === undefined) remains.gap(entry.length);
    else await remains.push(content);
  };
  while (next < entries.length) {
    const frames = framesIn(stream.source, part.file, entries.slice(next), pool, offset);
    try {
      for await (const content of examineFrames(frames, pool)) await step(content);
    } catch (error) {
      await step({ failure: failureOfFile(error) });
    }
  }
  return failures;
}

/** Reads a part without a usable seek table from its start, as far as that is possible. */
async function readWithoutTable(
  stream: StoredStream,
  part: ManifestPart,
  remains: Remains,
): Promise<Failure[]> {
  const place = placeIn(stream.source, part.file);
  let length = 0;
  const failures: Failure[] = [];
  // Take a frame even if its checksum differs: the commands in it have checksums of their own.
  const options = { raw: false, proved: false };
  try {
    for await (const content of openStream(kept(stream.source.read(part.file)), options)) {
      const wanted = content.subarray(0, part.streamLength - length);
      length += wanted.length;
      await remains.push(wanted);
      // A damaged frame can decompress to any amount. Stop at the length of the part.
      if (wanted.length < content.length) break;
    }
  } catch (error) {
    const failure = failureOfFile(error);
    if (failure.code !== 'read-failed') {
      failures.push(located(stream, failure, place.file, place));
    }
  }
  if (length < part.streamLength) remains.gap(part.streamLength - length);
  return failures;
}

/** Checks a part whose frames are all whole: other bytes of it may be damaged. */
async function wholePart(
  stream: StoredStream,
  part: ManifestPart,
  signal: AbortSignal,
): Promise<Failure[]> {
  try {
    await checkSums(stream, part, () => signal.throwIfAborted());
    return [];
  } catch (error) {
    return [failureOfFile(error)];
  }
}

function located({ source }: StoredStream, failure: Failure, at: string, where: Where): Failure {
  const message = `${at}: ${failure.message}`;
  return failure.amended({ message, hint: fromCopy(source.directory), where });
}
