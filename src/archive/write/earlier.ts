import type { Stage } from '../../store/store.ts';
import { frameChecksum } from '../../zstd/frame.ts';
import type { FramePool } from '../../zstd/pool.ts';
import {
  type DraftSettings,
  JOURNAL_FILE,
  type JournalWorth,
  journalFrames,
  journalStart,
  type WrittenFrame,
  weighJournal,
} from './journal.ts';
import type { FramePlace } from './part-writer.ts';

/** Finds out how much of what an interrupted run left in a stage can be used. */
export async function readJournal(stage: Stage, settings: DraftSettings): Promise<JournalWorth> {
  const journal = stage.leftovers.find(({ name }) => name === JOURNAL_FILE);
  if (journal !== undefined) {
    return weighJournal(stage.read(JOURNAL_FILE), journal.length, settings);
  }
  return { frames: 0, useless: stage.leftovers.length > 0 ? 'it has no journal' : undefined };
}

/** Reads the frames in the journal of a run with the same settings; none if `frames` is 0. */
export async function* earlierFrames(
  stage: Stage,
  settings: DraftSettings,
  frames: number,
): AsyncGenerator<WrittenFrame> {
  if (frames === 0) return;
  const end = stage.leftovers.find(({ name }) => name === JOURNAL_FILE)?.length ?? 0;
  yield* journalFrames(stage.read(JOURNAL_FILE, { start: journalStart(settings).length, end }));
}

/**
 * Passes the stored frame at a place to `use`, if it decompresses to `plain`. It compares all bytes,
 * because a power cut may have spoiled the frame, or lost it before it was durable.
 *
 * @param pool lends one slot; `use` must not keep the frame, which lies in it
 * @returns whether the frame was used
 */
export async function useFrame(
  stage: Stage,
  { file, start, size }: FramePlace,
  plain: Uint8Array,
  pool: FramePool,
  use: (stored: Uint8Array) => Promise<void>,
): Promise<boolean> {
  const slot = await pool.acquire();
  try {
    const stored = slot.input.subarray(0, size);
    if (!(await fill(stored, stage.read(file, { start, end: start + size })))) return false;
    const entry = { size, length: plain.length, checksum: frameChecksum(stored) };
    const { content, failure } = await pool.examine({ slot, stored, entry, where: {} });
    if (failure !== undefined || content === undefined) return false;
    if (Buffer.compare(content, plain) !== 0) return false;
    await use(stored);
    return true;
  } finally {
    pool.release(slot);
  }
}

/** Returns false if the bytes cannot be read or do not fill the buffer. */
async function fill(into: Uint8Array, bytes: AsyncIterable<Uint8Array>): Promise<boolean> {
  let length = 0;
  try {
    for await (const piece of bytes) {
      into.set(piece, length);
      length += piece.length;
    }
  } catch {
    return false;
  }
  return length === into.length;
}
