import { contentKey, copiesOf, gatheredFrames } from '../../archive/read/copies.ts';
import { streamDifference } from '../../archive/read/match.ts';
import type { StoredStream } from '../../archive/read/stored-stream.ts';
import { exit, Failure } from '../../failure/failure.ts';
import { StreamExamination } from '../../sendstream/examination.ts';
import { FramesHash } from '../../zstd/checksum.ts';
import type { FramePool } from '../../zstd/pool.ts';
import { frameTaken } from '../archives/frame-taken.ts';
import type { Context } from '../operation.ts';

/**
 * Finds the streams that no archive has intact, and that several restore together. Reads them as an
 * import would.
 *
 * @param intact streams that one archive alone restores
 * @returns one of the copies of each
 */
export async function restoredTogether(
  streams: readonly StoredStream[],
  intact: readonly StoredStream[],
  pool: FramePool,
  { emit, signal }: Context,
): Promise<StoredStream[]> {
  const seen = new Set(intact.map(contentKey));
  const restored: StoredStream[] = [];
  for (const stream of streams) {
    const key = contentKey(stream);
    const copies = copiesOf(stream, streams);
    if (seen.has(key) || copies.length === 0) continue;
    seen.add(key);
    const taken: ReturnType<typeof frameTaken>[] = [];
    const note = (each: Parameters<typeof frameTaken>[1]) => taken.push(frameTaken(stream, each));
    try {
      const examination = new StreamExamination();
      const hash = new FramesHash();
      let length = 0;
      for await (const { content, checksum } of gatheredFrames(stream, copies, pool, note)) {
        signal.throwIfAborted();
        hash.add(checksum);
        examination.push(content);
        length += content.length;
      }
      const { manifest } = stream;
      const summary = examination.finish();
      if (streamDifference(manifest, summary, length, hash.hex()) !== undefined) continue;
    } catch (error) {
      if (error instanceof Failure && error.exitCode === exit.damaged) continue;
      throw error;
    }
    for (const event of taken) emit(event);
    restored.push(stream);
  }
  return restored;
}
