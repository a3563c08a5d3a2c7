import { failureIn, streamDiffers } from '../../archive/read/damage.ts';
import { storedFrames } from '../../archive/read/frames.ts';
import { checkFrames, checkStored, checkSums, coldPart } from '../../archive/read/integrity.ts';
import { streamDifference } from '../../archive/read/match.ts';
import { placeIn } from '../../archive/read/source.ts';
import type { StoredStream } from '../../archive/read/stored-stream.ts';
import type { StreamVerified } from '../../events/verify.ts';
import { type Failure, failureOfFile } from '../../failure/failure.ts';
import { StreamExamination } from '../../sendstream/examination.ts';
import { FramesHash } from '../../zstd/checksum.ts';
import { decompressFrames } from '../../zstd/pipeline.ts';
import type { FramePool } from '../../zstd/pool.ts';
import { Meter } from '../meter.ts';
import type { Context } from '../operation.ts';
import { advised, fromCopyOf } from './advice.ts';
import { findLosses } from './losses.ts';

/** The findings about one stream. */
export type Report = Pick<StreamVerified, 'failures' | 'losses' | 'intact'>;

/**
 * Reads a stream as an import would, to its last byte. If that finds damage, reads it a second time,
 * past the damage, to find out what is lost.
 */
export async function verifyStream(
  stream: StoredStream,
  pool: FramePool,
  context: Context,
): Promise<Report> {
  const { manifest } = stream;
  const cold = await coldPart(stream);
  if (cold !== undefined) return { failures: [cold], losses: [], intact: false };
  const meter = new Meter('verify', stream.called, context.emit);
  meter.total = manifest.stream.length;
  const stored = await checkStored(stream);
  // The SHA-256 of the parts that are here proves them; the stream itself cannot be read.
  if (stored.some(({ code }) => code === 'medium-missing')) return verifyQuickly(stream, context);
  try {
    const examination = new StreamExamination();
    const hash = new FramesHash();
    const other = await checkFrames(stream);
    if (other !== undefined) throw other;
    for await (const { content, checksum } of decompressFrames(storedFrames(stream, pool), pool)) {
      hash.add(checksum);
      examination.push(content);
      meter.bytes += content.length;
      meter.stored = stream.storedBytes * (meter.bytes / manifest.stream.length);
      meter.tick();
    }
    const difference = streamDifference(manifest, examination.finish(), meter.bytes, hash.hex());
    if (difference !== undefined) throw streamDiffers(stream, difference);
    const failures = await advised(stream, stored, { intact: true, lost: false }, context.signal);
    return { failures, losses: [], intact: true };
  } catch (error) {
    const failure = failureIn(stream, failureOfFile(error), fromCopyOf(stream));
    const found = await findLosses(stream, pool, context.signal);
    const known = found.failures.length === 0 ? [failure] : found.failures;
    // The failure of a part that is cut short or gone is reported once.
    const reported = stored.flatMap(({ where }) => where.file ?? []);
    const news = known.filter(
      ({ code, where }) => code !== 'read-failed' || !reported.includes(where.file ?? ''),
    );
    const failures = unique([...stored, ...news]);
    const state = { intact: found.intact, lost: found.losses.length > 0 };
    return { ...found, failures: await advised(stream, failures, state, context.signal) };
  }
}

/** Checks the lengths, SHA-256 and seek tables of the stored files against the manifest. */
export async function verifyQuickly(stream: StoredStream, context: Context): Promise<Report> {
  const { manifest } = stream;
  const cold = await coldPart(stream);
  if (cold !== undefined) return { failures: [cold], losses: [], intact: false };
  const meter = new Meter('verify', stream.called, context.emit);
  const failures = await checkStored(stream);
  const skip = new Set(failures.map((failure) => failure.where.file));
  for (const part of manifest.parts) {
    const file = placeIn(stream.source, part.file).file;
    if (skip.has(file)) continue;
    try {
      await checkSums(stream, part, (bytes) => {
        context.signal.throwIfAborted();
        meter.stored += bytes;
        meter.tick();
      });
    } catch (error) {
      failures.push(failureOfFile(error));
    }
  }
  const other = failures.length === 0 ? await checkFrames(stream) : undefined;
  if (other !== undefined) failures.push(failureIn(stream, other, fromCopyOf(stream)));
  const intact = failures.length === 0;
  const state = { intact, lost: false };
  return { failures: await advised(stream, failures, state, context.signal), losses: [], intact };
}

/** Keeps the first of several failures of one kind at one place. */
function unique(failures: readonly Failure[]): Failure[] {
  const seen = new Map<string, Failure>();
  for (const failure of failures) {
    const key = `${failure.code} ${failure.where.file} ${failure.where.offset}`;
    if (!seen.has(key)) seen.set(key, failure);
  }
  return [...seen.values()];
}
