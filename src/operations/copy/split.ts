import { streamDiffers } from '../../archive/read/damage.ts';
import { storedFrames } from '../../archive/read/frames.ts';
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

/**
 * Writes a stream into a stage in parts of at most `limit` bytes, because the target takes no larger
 * files. Its frames stay as they are. Checks the SHA-256 of each part that it reads.
 *
 * @param advance is called with the number of bytes that are stored
 * @throws {Failure} `part-damaged`, `seek-table-damaged`, `read-failed`, `storage-failed`, `usage`
 */
export async function splitAnew(
  stream: StoredStream,
  stage: Stage,
  limit: number,
  advance: (stored: number) => void,
  signal: AbortSignal,
): Promise<SplitStream> {
  // Only its slots are used: nothing is decompressed.
  const pool = new FramePool({ workers: 1, signal });
  const writer = new PartWriter(stage, limit);
  try {
    for await (const { slot, stored, entry } of storedFrames(stream, pool)) {
      const { length, checksum } = entry;
      await writer.append({ bytes: stored, length, checksum });
      pool.release(slot);
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
