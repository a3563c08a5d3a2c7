import { gatheredFrames, type TakenOver } from '../../archive/read/copies.ts';
import { streamDiffers } from '../../archive/read/damage.ts';
import type { StoredStream } from '../../archive/read/stored-stream.ts';
import { PartWriter } from '../../archive/write/part-writer.ts';
import { manifestDocument } from '../../manifest/document.ts';
import type { ManifestPart } from '../../manifest/schema.ts';
import type { Stage } from '../../store/store.ts';
import { FramePool } from '../../zstd/pool.ts';

/** A stream that was written in other parts than it had. */
export interface SplitStream {
  readonly parts: readonly ManifestPart[];
  /** The bytes of its manifest. */
  readonly manifest: Uint8Array;
}

export interface SplitJob {
  readonly stage: Stage;
  /** The most bytes that a part may have. */
  readonly limit: number;
  /** Called with the number of bytes that are stored. */
  readonly advance: (stored: number) => void;
  /** Called for each frame that another copy than the one before provides. */
  readonly onTaken: (taken: TakenOver) => void;
  readonly signal: AbortSignal;
}

/**
 * Writes a stream into a stage in parts of at most `limit` bytes, from the first copy and, frame by
 * frame, from the others where that one is damaged. The frames stay as they are. Decompresses each to
 * check it, and compares the checksum of all frames with the manifest.
 *
 * @param copies of one stream, in whatever parts; the first one describes the result
 * @throws {Failure} of the first frame that no copy has; `storage-failed`, `no-space`, `usage`
 */
export async function splitAnew(
  copies: readonly [StoredStream, ...StoredStream[]],
  { stage, limit, advance, onTaken, signal }: SplitJob,
): Promise<SplitStream> {
  const [stream, ...others] = copies;
  const pool = new FramePool({ signal });
  const writer = new PartWriter(stage, limit);
  try {
    for await (const frame of gatheredFrames(stream, others, pool, onTaken)) {
      const { stored, content, checksum } = frame;
      await writer.append({ bytes: stored, length: content.length, checksum });
      advance(writer.stored);
    }
    const { parts, framesXxh64 } = await writer.finish();
    if (framesXxh64 !== stream.manifest.stream.framesXxh64) {
      throw streamDiffers(stream, `the XXH64 of its frames is ${framesXxh64}`);
    }
    const { sha256: _, ...unsealed } = stream.manifest;
    return { parts, manifest: manifestDocument.encode({ ...unsealed, parts }) };
  } catch (error) {
    await writer.abandon();
    throw error;
  } finally {
    await pool.close();
  }
}
