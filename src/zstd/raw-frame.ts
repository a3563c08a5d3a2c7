/**
 * Frames of raw blocks, for data that does not compress. Writing and reading them is as fast as a
 * copy, and every zstd decoder accepts them (RFC 8878, section 3.1.1.2).
 */
import { checksumOf } from './checksum.ts';
import {
  BLOCK_HEADER_SIZE,
  CHECKSUM_SIZE,
  FRAME_SIZE,
  MAX_BLOCK_SIZE,
  ZSTD_MAGIC,
} from './frame.ts';

/** Bytes of the magic number, the descriptor, and a content size of four bytes. */
const HEADER_SIZE = 9;
/** Single segment (bit 5), content size of four bytes (bits 7 and 6 are 2), checksum (bit 2). */
const DESCRIPTOR = 0xa4;

/** Bytes of a frame of raw blocks that holds `length` bytes. */
export function rawFrameSize(length: number): number {
  const blocks = Math.max(1, Math.ceil(length / MAX_BLOCK_SIZE));
  return HEADER_SIZE + blocks * BLOCK_HEADER_SIZE + length + CHECKSUM_SIZE;
}

/**
 * Writes `input` (at most FRAME_SIZE bytes) as a frame of raw blocks to the start of `output`,
 * which must have {@link rawFrameSize} bytes.
 *
 * @returns bytes written
 */
export function writeRawFrame(input: Uint8Array, output: Uint8Array): number {
  const total = rawFrameSize(input.length);
  if (input.length > FRAME_SIZE || output.length < total) {
    throw new RangeError(`no room for a stored frame of ${input.length} bytes`);
  }
  const view = new DataView(output.buffer, output.byteOffset, total);
  view.setUint32(0, ZSTD_MAGIC, true);
  view.setUint8(4, DESCRIPTOR);
  view.setUint32(5, input.length, true);
  let to = HEADER_SIZE;
  let from = 0;
  do {
    const end = Math.min(from + MAX_BLOCK_SIZE, input.length);
    const last = end === input.length ? 1 : 0;
    const word = ((end - from) << 3) | last; // block type 0: raw
    view.setUint16(to, word & 0xffff, true);
    view.setUint8(to + 2, word >> 16);
    output.set(input.subarray(from, end), to + BLOCK_HEADER_SIZE);
    to += BLOCK_HEADER_SIZE + end - from;
    from = end;
  } while (from < input.length);
  view.setUint32(to, checksumOf(input), true);
  return total;
}
