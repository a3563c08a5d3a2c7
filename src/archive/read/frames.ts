import { createHash } from 'node:crypto';
import type { StoredFrame } from '../../zstd/frame-states.ts';
import { readFrames } from '../../zstd/pipeline.ts';
import type { FramePool } from '../../zstd/pool.ts';
import type { SeekEntry } from '../../zstd/seek-table.ts';
import { partChanged } from './damage.ts';
import { readSeekTable } from './seek-table.ts';
import { placeIn, type StreamSource } from './source.ts';
import type { StoredStream } from './stored-stream.ts';

/**
 * Reads the stored frames of a stream in order, part by part, into slots of `pool`. Checks the seek
 * table of each part before its frames, and its SHA-256 after them: the frames of a part are not
 * proved before the next part begins or the iteration ends.
 *
 * @throws {Failure} `part-missing`, `part-damaged`, `seek-table-damaged`, `read-failed`
 */
export async function* storedFrames(
  stream: StoredStream,
  pool: FramePool,
): AsyncGenerator<StoredFrame> {
  const { source, manifest } = stream;
  for (const part of manifest.parts) {
    const entries = await readSeekTable(stream, part);
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
    if (sha256 !== part.sha256) throw partChanged(stream, part, sha256);
  }
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
