import { StreamExamination } from '../../sendstream/examination.ts';
import type { Summary } from '../../sendstream/summary.ts';
import {
  type BlockSource,
  compressFrames,
  type StreamBlock,
  streamBlocks,
} from '../../zstd/pipeline.ts';
import { Drafts, type DraftsOptions } from './drafts.ts';
import { describeSegment, describeStream, type Origin } from './manifest.ts';
import { type Span, SpannedDraft } from './spanning.ts';

/** A stream on its way into archives: from `btrfs send`, another archive, a file or this program. */
export interface IncomingStream extends BlockSource {
  /** Resolves when the producer ended well; rejects with why it did not. */
  readonly done: Promise<void>;
  /** Ends the producer early. */
  stop(): void;
}

export interface IntakeOptions extends DraftsOptions {
  /** Spreads the stream over media, which are filled in turn; `archives` is empty then. */
  readonly span?: Span | undefined;
  readonly origin: Origin;
  /** Throws if a complete stream is not the one that was expected. */
  readonly accept: (summary: Summary) => void;
  /** Called for each frame with the bytes of stream, and the bytes stored, so far. */
  readonly onProgress: (bytes: number, stored: number) => void;
}

/** The amounts that an intake wrote. */
export interface Written {
  /** Bytes of stream. */
  readonly bytes: number;
  /** Bytes stored of the largest copy. */
  readonly stored: number;
  /** Number of frames, and of those that interrupted runs had left in every archive. */
  readonly frames: number;
  readonly reusedFrames: number;
}

/**
 * Writes a stream to archives: checks each command, compresses, writes parts, publishes. If it
 * fails, the frames that were written stay as a draft for the next run.
 *
 * @param begin starts the producer, which this function ends
 * @throws {Failure} of the stream, the producer, or the last archive
 */
export async function takeIn(
  begin: () => Promise<IncomingStream>,
  options: IntakeOptions,
): Promise<Written> {
  const { settings, origin } = options;
  const { level } = settings;
  const examination = new StreamExamination();
  const drafts = await openDrafts(options, examination);
  let incoming: IncomingStream | undefined;
  try {
    incoming = await begin();
    const { summary, length } = await writeFrames(incoming, drafts, examination, options);
    options.accept(summary);
    await drafts.publish((parts, framesXxh64) =>
      describeStream({ summary, length, framesXxh64, parts, level }, origin),
    );
    return { bytes: length, stored: drafts.stored, ...drafts.frames };
  } catch (error) {
    incoming?.stop();
    await drafts.leave();
    await incoming?.done.catch(() => {});
    throw error;
  }
}

function openDrafts(
  options: IntakeOptions,
  examination: StreamExamination,
): Promise<Drafts | SpannedDraft> {
  const { span, origin, settings } = options;
  if (span === undefined) return Drafts.open(options);
  const { level } = settings;
  return SpannedDraft.open({
    ...options,
    ...span,
    describeSegment: (place, length, parts, framesXxh64) =>
      describeSegment(
        { summary: examination.summary, length, framesXxh64, parts, level },
        place,
        origin,
      ),
  });
}

async function writeFrames(
  incoming: IncomingStream,
  drafts: Drafts | SpannedDraft,
  examination: StreamExamination,
  { pool, settings, onProgress }: IntakeOptions,
): Promise<{ summary: Summary; length: number }> {
  let length = 0;
  async function* lacking(blocks: AsyncIterable<StreamBlock>): AsyncGenerator<StreamBlock> {
    for await (const block of blocks) {
      const { slot, bytes } = block;
      examination.push(bytes);
      length += bytes.length;
      onProgress(length, drafts.stored);
      if (await drafts.offer(bytes)) yield block;
      else pool.release(slot);
    }
  }
  const blocks = lacking(streamBlocks(incoming, pool));
  for await (const frame of compressFrames(blocks, pool, settings.level)) await drafts.add(frame);
  await incoming.done;
  return { summary: examination.finish(), length };
}
