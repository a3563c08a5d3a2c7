import type { Failure, Where } from '../failure/failure.ts';
import type { SeekEntry } from './seek-table.ts';

/** A frame in each of its states: stored, compressed, decompressed. All lie in slots of a pool. */

/**
 * Memory for the input of one job, and a right to its output. Its owner is the caller that acquired
 * it, until `release`. While a job runs, both sides may read the input.
 */
export interface FrameSlot {
  /** MAX_STORED_SIZE bytes, shared with the workers. */
  readonly input: Uint8Array<SharedArrayBuffer>;
}

/** A frame as it is stored in a part. */
export interface StoredFrame {
  readonly slot: FrameSlot;
  /** The bytes of the frame: a view of `slot.input`. */
  readonly stored: Uint8Array;
  /** The expected size, length and checksum. */
  readonly entry: SeekEntry;
  /** The part, and the offset of the frame in it. */
  readonly where: Where;
}

export interface CompressedFrame {
  /** One zstd frame. Valid until the slot is released. */
  readonly bytes: Uint8Array;
  /** Bytes of stream in the frame. */
  readonly length: number;
  /** The checksum of these bytes of stream, which the frame holds. */
  readonly checksum: number;
}

/** The contents of a frame that is not damaged. */
export interface FrameContent {
  /** Bytes of stream. Valid until the slot is released. */
  readonly content: Uint8Array;
  /** Their checksum, which was compared. */
  readonly checksum: number;
  /** The frame that holds them. Valid as long as the content. */
  readonly stored: Uint8Array;
}

/** The result of decompressing a frame that may be damaged. */
export interface ExaminedFrame {
  /**
   * Bytes of stream, valid until the slot is released; absent if the frame cannot be decompressed.
   */
  readonly content?: Uint8Array;
  /** `frame-damaged`; absent if the frame is not damaged. */
  readonly failure?: Failure;
}
