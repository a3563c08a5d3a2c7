import { copiesOf, gatheredFrames } from '../../archive/read/copies.ts';
import { failureIn, streamDiffers } from '../../archive/read/damage.ts';
import { checkStored, coldPart, foreignAmong } from '../../archive/read/integrity.ts';
import { announcedDifference, streamDifference } from '../../archive/read/match.ts';
import { placeIn } from '../../archive/read/source.ts';
import type { StoredStream } from '../../archive/read/stored-stream.ts';
import { exit, Failure } from '../../failure/failure.ts';
import { StreamExamination } from '../../sendstream/examination.ts';
import { FramesHash } from '../../zstd/checksum.ts';
import type { FramePool } from '../../zstd/pool.ts';
import { frameTaken } from '../archives/frame-taken.ts';
import { storedFailure } from '../import/checked-plan.ts';
import { Meter } from '../meter.ts';
import type { Context } from '../operation.ts';
import { heldParts } from '../verify/advice.ts';
import type { Examined, Finding } from './plan.ts';

/**
 * Reads streams as an import would, each until something of it is lost. Copies of one stream in several
 * archives are one.
 */
export async function examineStreams(
  streams: readonly StoredStream[],
  all: readonly StoredStream[],
  pool: FramePool,
  context: Context,
): Promise<Examined[]> {
  const examined: Examined[] = [];
  for (const [at, stream] of streams.entries()) {
    context.signal.throwIfAborted();
    const place = { index: at + 1, count: streams.length };
    context.emit({ type: 'stream-begun', action: 'verify', stream: stream.called, ...place });
    const copies = copiesOf(stream, all);
    examined.push({ stream, copies, finding: await examine(stream, copies, pool, context) });
  }
  return examined;
}

async function examine(
  stream: StoredStream,
  copies: readonly StoredStream[],
  pool: FramePool,
  context: Context,
): Promise<Finding> {
  const curable = await curableFailure(stream, context.signal);
  if (curable !== undefined) return { state: 'refused', failure: curable };
  const stored = await storedFailure(stream, [stream, ...copies]);
  if (stored !== undefined) {
    return { state: 'damaged', failure: failureIn(stream, stored) };
  }
  const examination = new StreamExamination();
  const hash = new FramesHash();
  const meter = new Meter('verify', stream.called, context.emit);
  const { manifest, storedBytes } = stream;
  meter.total = manifest.stream.length;
  const frames = gatheredFrames(stream, copies, pool, (taken) =>
    context.emit(frameTaken(stream, taken)),
  );
  // Frames that are good, and do not make the stream, are no loss: someone made them so.
  const refused = (failure: Failure): Finding => ({
    state: 'refused',
    failure: failureIn(stream, failure),
  });
  try {
    for (;;) {
      const next = await nextOf(frames);
      if (next instanceof Failure) return { state: 'damaged', failure: failureIn(stream, next) };
      if (next === undefined) break;
      context.signal.throwIfAborted();
      hash.add(next.checksum);
      examination.push(next.content);
      const other = announcedDifference(manifest, examination.announced);
      if (other !== undefined) return refused(streamDiffers(stream, other));
      const bytes = meter.bytes + next.content.length;
      meter.advance(bytes, storedBytes * (bytes / manifest.stream.length));
    }
    const summary = examination.finish();
    const difference = streamDifference(manifest, summary, meter.bytes, hash.hex());
    return difference === undefined
      ? { state: 'intact' }
      : refused(streamDiffers(stream, difference));
  } catch (error) {
    if (!(error instanceof Failure) || error.exitCode !== exit.damaged) throw error;
    return refused(error);
  } finally {
    await frames.return();
  }
}

/** The next frame, the damage that hides it, or undefined at the end. */
async function nextOf<T>(frames: AsyncGenerator<T, void>): Promise<T | Failure | undefined> {
  try {
    const { value, done } = await frames.next();
    return done === true ? undefined : (value as T);
  } catch (error) {
    if (error instanceof Failure && error.exitCode === exit.damaged) return error;
    throw error;
  }
}

/** Finds what keeps a stream from being read though nothing of it is lost. */
async function curableFailure(
  stream: StoredStream,
  signal: AbortSignal,
): Promise<Failure | undefined> {
  const { source, manifest } = stream;
  const cold = await coldPart(stream);
  if (cold !== undefined) return cold;
  const foreign = foreignAmong(await checkStored(stream), stream);
  if (foreign !== undefined) return foreign;
  const parts = new Set(manifest.parts.map(({ file }) => placeIn(source, file).file));
  const exchanged = await exchangedPart(stream, parts, signal);
  if (exchanged === undefined) return undefined;
  const [file, held] = exchanged;
  const place = placeIn(source, file);
  return new Failure('part-damaged', `${place.file} holds what ${held} should`, {
    hint: `give each file in ${source.directory} the name of what it holds; btrferry verify lists them`,
    where: { ...place, expected: file, found: held },
  });
}

/** A part that holds another one, or has the length of another one and not its own. */
async function exchangedPart(
  stream: StoredStream,
  files: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<readonly [string, string] | undefined> {
  const [equal] = await heldParts(stream, files, signal);
  if (equal !== undefined) return equal;
  const { parts } = stream.manifest;
  const lengths = new Map((await stream.source.list()).map(({ name, length }) => [name, length]));
  for (const part of parts) {
    const found = lengths.get(part.file);
    const other = parts.find(({ length }) => length === found);
    if (found !== part.length && other !== undefined) return [part.file, other.file];
  }
  return undefined;
}
