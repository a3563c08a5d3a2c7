/** What an interrupted run left in a stage, as far as the next one can use it. */
import type { Stage } from '../store/store.ts';
import { frameChecksum } from '../zstd/frame.ts';
import type { FramePool } from '../zstd/pool.ts';
import {
  type DraftSettings,
  JOURNAL_FILE,
  type JournalWorth,
  journalFrames,
  journalStart,
  type WrittenFrame,
  weighJournal,
} from './journal.ts';

export async function readJournal(stage: Stage, settings: DraftSettings): Promise<JournalWorth> {
  const journal = stage.left.find(({ name }) => name === JOURNAL_FILE);
  if (journal !== undefined) {
    return weighJournal(stage.read(JOURNAL_FILE), journal.length, settings);
  }
  return { frames: 0, useless: stage.left.length > 0 ? 'it has no journal' : undefined };
}

/** What the journal of an export with the same settings tells of. */
export async function* earlierFrames(
  stage: Stage,
  settings: DraftSettings,
  frames: number,
): AsyncGenerator<WrittenFrame> {
  if (frames === 0) return;
  const end = stage.left.find(({ name }) => name === JOURNAL_FILE)?.length ?? 0;
  yield* journalFrames(stage.read(JOURNAL_FILE, { start: journalStart(settings).length, end }));
}

/** Where a frame should lie: a power cut may have spoiled it, and what is not durable is gone. */
export interface Place {
  readonly file: string;
  readonly start: number;
  readonly size: number;
}

/**
 * Whether the frame in this place, decompressed, is `plain` to the last byte: no hash is as strict
 * as that. Where it is, `use` is given the frame as stored, which is gone when that returns. Takes
 * one slot of the pool.
 */
export async function useFrame(
  stage: Stage,
  { file, start, size }: Place,
  plain: Uint8Array,
  pool: FramePool,
  use: (stored: Uint8Array) => void,
): Promise<boolean> {
  const slot = await pool.acquire();
  try {
    const packed = slot.input.subarray(0, size);
    if (!(await fill(packed, stage.read(file, { start, end: start + size })))) return false;
    const entry = { size, length: plain.length, checksum: frameChecksum(packed) };
    const { content, failure } = await pool.examine({ slot, packed, entry, where: {} });
    if (failure !== undefined || content === undefined) return false;
    if (Buffer.compare(content, plain) !== 0) return false;
    use(packed);
    return true;
  } finally {
    pool.release(slot);
  }
}

/** False: the bytes can't be read, or are fewer. */
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
