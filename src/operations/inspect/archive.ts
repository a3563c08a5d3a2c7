import { failureIn } from '../../archive/read/damage.ts';
import { storedFrames } from '../../archive/read/frames.ts';
import { select } from '../../archive/read/selection.ts';
import type { StoredStream } from '../../archive/read/stored-stream.ts';
import { Failure } from '../../failure/failure.ts';
import { streamText } from '../../names/title.ts';
import { decompressFrames } from '../../zstd/pipeline.ts';
import { FramePool } from '../../zstd/pool.ts';
import { openArchives } from '../archives/open.ts';
import type { Context } from '../operation.ts';
import type { InspectedSource } from './file.ts';

/**
 * Opens one stream of an archive.
 *
 * @throws {Failure} `not-found` if the word names none, `usage` if it names several
 */
export async function inArchive(
  location: string,
  word: string,
  context: Context,
): Promise<InspectedSource> {
  const { streams } = await openArchives([location], context);
  const [stream, another] = select(streams, word) as [StoredStream, StoredStream?];
  if (another !== undefined) {
    const texts = [stream, another].map(({ called }) => streamText(called));
    throw new Failure('usage', `${word} names several streams: ${texts.join(' and ')}`, {
      hint: 'give four or more digits of the UUID',
    });
  }
  const pool = new FramePool({ signal: context.signal });
  const pieces = async function* () {
    for await (const { content } of decompressFrames(storedFrames(stream, pool), pool)) {
      yield content;
    }
  };
  return {
    pieces: pieces(),
    explain: (error) => failureIn(stream, error),
    close: () => pool.close(),
  };
}
