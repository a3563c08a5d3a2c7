/**
 * The header and the end of a zstd frame (RFC 8878, section 3.1). They show how much memory a frame
 * needs before any is allocated, and separate frames without decompressing them.
 */
import { Failure, type Where } from '../failure/failure.ts';

/** Bytes of stream in each frame. The last frame of a stream may hold fewer, but not none. */
export const FRAME_SIZE = 2 * 1024 * 1024;

/** The most bytes of a stored frame, including what an encoder can add in the worst case. */
export const MAX_STORED_SIZE = FRAME_SIZE + 64 * 1024;

export const ZSTD_MAGIC = 0xfd2fb528;
/** The first of the sixteen magic numbers of skippable frames. */
export const SKIPPABLE_MAGIC = 0x184d2a50;

/** Bytes of the longest frame header: magic, descriptor, window, dictionary id, content size. */
export const MAX_HEADER_SIZE = 4 + 1 + 1 + 4 + 8;
export const BLOCK_HEADER_SIZE = 3;
export const CHECKSUM_SIZE = 4;
/** The most bytes of a block, stored or decompressed. */
export const MAX_BLOCK_SIZE = 128 * 1024;

export interface FrameHeader {
  /** Bytes of the header with its magic number. The first block follows. */
  readonly size: number;
  /** The decompressed size that the frame declares, bytes; undefined if it declares none. */
  readonly contentSize: number | undefined;
  /** Bytes of history that a decoder must keep. */
  readonly windowSize: number;
  readonly singleSegment: boolean;
  /** A checksum of four bytes follows the last block. */
  readonly hasChecksum: boolean;
  /** 0 if the frame needs no dictionary. */
  readonly dictionaryId: number;
}

export interface BlockHeader {
  readonly last: boolean;
  /** Bytes after the block header. */
  readonly storedSize: number;
}

export function isSkippable(magic: number): boolean {
  return (magic & ~0xf) === SKIPPABLE_MAGIC;
}

/** Reads a little-endian integer of up to six bytes. */
function readUint(bytes: Uint8Array, offset: number, size: number): number {
  let value = 0;
  for (let i = size - 1; i >= 0; i -= 1) value = value * 256 + (bytes[offset + i] ?? 0);
  return value;
}

/** Reads the magic number at `offset`; undefined if there are fewer than four bytes. */
export function readMagic(bytes: Uint8Array, offset = 0): number | undefined {
  return offset + 4 <= bytes.length ? readUint(bytes, offset, 4) : undefined;
}

/**
 * Reads the header of the zstd frame at the start of `bytes`.
 *
 * @returns undefined if more bytes are needed, at most {@link MAX_HEADER_SIZE} in all
 * @throws {Failure} `frame-damaged` if it is not a zstd frame, or one that no decoder may accept
 */
export function parseFrameHeader(bytes: Uint8Array, where: Where = {}): FrameHeader | undefined {
  const magic = readMagic(bytes);
  if (magic === undefined) return undefined;
  if (magic !== ZSTD_MAGIC) throw damaged('no zstd frame begins here', where);
  const descriptor = bytes[4];
  if (descriptor === undefined) return undefined;
  if ((descriptor & 0x08) !== 0) throw damaged('reserved bit set in a frame header', where);

  const singleSegment = (descriptor & 0x20) !== 0;
  const windowBytes = singleSegment ? 0 : 1;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const contentBytes = [singleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
  const size = 5 + windowBytes + dictionaryBytes + contentBytes;
  if (bytes.length < size) return undefined;

  const dictionaryId = readUint(bytes, 5 + windowBytes, dictionaryBytes);
  const contentSize = readContentSize(bytes, size - contentBytes, contentBytes, where);
  let windowSize = contentSize ?? 0;
  if (!singleSegment) {
    const window = bytes[5] ?? 0;
    const base = 2 ** (10 + (window >> 3));
    windowSize = base + (base / 8) * (window & 7);
  }
  const hasChecksum = (descriptor & HAS_CHECKSUM) !== 0;
  return { size, contentSize, windowSize, singleSegment, hasChecksum, dictionaryId };
}

/** The bit of the descriptor, the byte after the magic number, that announces a checksum. */
const HAS_CHECKSUM = 0x04;
const DESCRIPTOR = 4;

/** Reads the checksum at the end of a frame that has one. */
export function frameChecksum(frame: Uint8Array): number {
  return readUint(frame, frame.length - CHECKSUM_SIZE, CHECKSUM_SIZE);
}

/** Adds a checksum to a frame that has none. The four bytes at its end are reserved for it. */
export function writeChecksum(frame: Uint8Array, checksum: number): void {
  frame[DESCRIPTOR] = (frame[DESCRIPTOR] ?? 0) | HAS_CHECKSUM;
  const { buffer, byteOffset, length } = frame;
  new DataView(buffer, byteOffset, length).setUint32(length - CHECKSUM_SIZE, checksum, true);
}

/** Copies a frame without its checksum, so that a decoder accepts any contents. */
export function withoutChecksum(frame: Uint8Array): Uint8Array {
  const copy = new Uint8Array(frame.subarray(0, frame.length - CHECKSUM_SIZE));
  copy[DESCRIPTOR] = (copy[DESCRIPTOR] ?? 0) & ~HAS_CHECKSUM;
  return copy;
}

function readContentSize(bytes: Uint8Array, offset: number, size: number, where: Where) {
  if (size === 0) return undefined;
  if (size < 8) return readUint(bytes, offset, size) + (size === 2 ? 256 : 0);
  const value = readUint(bytes, offset, 4) + readUint(bytes, offset + 4, 4) * 2 ** 32;
  if (!Number.isSafeInteger(value)) throw damaged(`content size of ${value} bytes`, where);
  return value;
}

/**
 * Reads the block header at `offset`.
 *
 * @returns undefined if there are fewer than three bytes
 * @throws {Failure} `frame-damaged` if the block type is reserved, or the block is larger than 128
 *   KiB
 */
export function parseBlockHeader(
  bytes: Uint8Array,
  offset = 0,
  where: Where = {},
): BlockHeader | undefined {
  if (offset + BLOCK_HEADER_SIZE > bytes.length) return undefined;
  const word = readUint(bytes, offset, BLOCK_HEADER_SIZE);
  const type = (word >> 1) & 3;
  const size = word >> 3;
  if (type === 3) throw damaged('reserved block type', where);
  if (size > MAX_BLOCK_SIZE) throw damaged(`block of ${size} bytes`, where);
  return { last: (word & 1) !== 0, storedSize: type === 1 ? 1 : size };
}

/**
 * Checks that `bytes` are exactly one frame, that it declares `length` bytes of stream, and that it
 * has a checksum and needs no dictionary. Reads only headers, and allocates nothing.
 *
 * @throws {Failure} `frame-damaged` at the place `where`
 */
export function checkFrame(bytes: Uint8Array, length: number, where: Where = {}): void {
  const header = parseFrameHeader(bytes, where);
  if (header === undefined) throw damaged('frame ends inside its header', where);
  if (header.dictionaryId !== 0) {
    throw damaged(`frame needs dictionary ${header.dictionaryId}`, where);
  }
  if (header.contentSize === undefined) throw damaged('frame does not say its size', where);
  if (!header.hasChecksum) throw damaged('frame has no checksum', where);
  if (header.contentSize !== length || length > FRAME_SIZE) {
    throw damaged('frame says another size than the seek table', {
      ...where,
      expected: `${length} bytes`,
      found: `${header.contentSize} bytes`,
    });
  }
  let offset = header.size;
  for (let last = false; !last; ) {
    const block = parseBlockHeader(bytes, offset, where);
    if (block === undefined) throw damaged('frame ends before its last block', where);
    offset += BLOCK_HEADER_SIZE + block.storedSize;
    last = block.last;
  }
  offset += CHECKSUM_SIZE;
  if (offset !== bytes.length) {
    throw damaged('frame has another length than the seek table says', {
      ...where,
      expected: `${bytes.length} bytes`,
      found: `${offset} bytes`,
    });
  }
}

export function damaged(what: string, where: Where, cause?: unknown): Failure {
  return new Failure('frame-damaged', what, { where, cause });
}
