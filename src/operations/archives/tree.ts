import { failureIn, fromCopy, streamDiffers } from '../../archive/read/damage.ts';
import type { StoredFingerprint } from '../../archive/read/fingerprints.ts';
import { storedFrames } from '../../archive/read/frames.ts';
import { placeIn } from '../../archive/read/source.ts';
import type { Entry } from '../../tree/entry.ts';
import { entriesIn } from '../../tree/lines.ts';
import { FramesHash } from '../../zstd/checksum.ts';
import { decompressFrames } from '../../zstd/pipeline.ts';
import type { FramePool } from '../../zstd/pool.ts';

/**
 * Reads the tree of a fingerprint. Checks each frame, the parts, and that all of it is there.
 *
 * @throws {Failure} those of {@link storedFrames}; `manifest-damaged`,
 *   `stream-differs-from-manifest`
 */
export async function* treeIn(
  stored: StoredFingerprint,
  pool: FramePool,
): AsyncGenerator<Entry, void, undefined> {
  const { fingerprint, source } = stored;
  try {
    yield* entriesIn(linesIn(stored, pool), fingerprint.blockSize, placeIn(source));
  } catch (error) {
    throw failureIn(stored, error, fromCopy(source.directory));
  }
}

async function* linesIn(stored: StoredFingerprint, pool: FramePool): AsyncGenerator<Uint8Array> {
  const hash = new FramesHash();
  for await (const { content, checksum } of decompressFrames(storedFrames(stored, pool), pool)) {
    hash.add(checksum);
    yield content;
  }
  const found = hash.hex();
  if (found !== stored.fingerprint.tree.framesXxh64) {
    throw streamDiffers(stored, `the XXH64 of its frames is ${found}`);
  }
}
