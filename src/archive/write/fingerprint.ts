import { fingerprintDocument, treePartFile, type Unsealed } from '../../manifest/document.ts';
import type { Fingerprint, ManifestPart } from '../../manifest/schema.ts';
import type { WritableStore } from '../../store/store.ts';
import {
  type BlockSource,
  compressFrames,
  type StreamBlock,
  streamBlocks,
} from '../../zstd/pipeline.ts';
import type { FramePool } from '../../zstd/pool.ts';
import { FINGERPRINT_FILE, fingerprintPlace, SUMS_FILE, sumsText } from '../layout.ts';
import { PartWriter } from './part-writer.ts';

/** The lines of a fingerprint as they were stored. */
export interface WrittenLines {
  /** Bytes of lines. */
  readonly length: number;
  readonly framesXxh64: string;
  readonly parts: ManifestPart[];
}

export interface FingerprintJob {
  readonly store: WritableStore;
  /** Name of the directory in the archive, which does not exist. */
  readonly directory: string;
  readonly lines: BlockSource;
  readonly pool: FramePool;
  /** zstd level. */
  readonly level: number;
  /** Makes the document, when the last line was read. */
  readonly describe: (written: WrittenLines) => Unsealed<Fingerprint>;
}

/**
 * Writes a fingerprint into an archive. It becomes visible when it is complete. If this fails, the
 * next run begins anew.
 *
 * @returns bytes stored
 */
export async function writeFingerprint(job: FingerprintJob): Promise<number> {
  const { store, directory, lines, pool, level, describe } = job;
  const stage = await store.stage(fingerprintPlace(directory));
  for (const { name } of stage.leftovers) await stage.remove(name);
  const writer = new PartWriter(stage, await store.maxFileSize(), treePartFile);
  let length = 0;
  async function* counted(blocks: AsyncIterable<StreamBlock>): AsyncGenerator<StreamBlock> {
    for await (const block of blocks) {
      length += block.bytes.length;
      yield block;
    }
  }
  try {
    const blocks = counted(streamBlocks(lines, pool));
    for await (const frame of compressFrames(blocks, pool, level)) await writer.append(frame);
    const { parts, framesXxh64 } = await writer.finish();
    const document = fingerprintDocument.encode(describe({ length, framesXxh64, parts }));
    const sums = { file: SUMS_FILE, bytes: Buffer.from(sumsText(parts)) };
    await stage.publish([sums, { file: FINGERPRINT_FILE, bytes: document }]);
    return writer.stored;
  } catch (error) {
    await writer.abandon();
    await stage.discard().catch(() => {});
    throw error;
  }
}
