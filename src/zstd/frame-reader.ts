/**
 * Reads frames from a stream in which they can be found only one after another: block headers show
 * where each ends.
 */
import type { ByteReader } from './byte-reader.ts';
import {
  BLOCK_HEADER_SIZE,
  CHECKSUM_SIZE,
  damaged,
  type FrameHeader,
  frameChecksum,
  isSkippable,
  MAX_HEADER_SIZE,
  parseBlockHeader,
  parseFrameHeader,
  readMagic,
} from './frame.ts';
import type { SeekEntry } from './seek-table.ts';

/**
 * Reads the next frame to the start of `into`.
 *
 * @returns its sizes and the checksum that it holds; undefined at a skippable frame, which is left
 *   for the caller, and at the end of the stream
 * @throws {Failure} `frame-damaged`
 */
export async function readFrame(
  reader: ByteReader,
  into: Uint8Array,
): Promise<SeekEntry | undefined> {
  const start = await reader.peek(MAX_HEADER_SIZE);
  const magic = readMagic(start);
  if (start.length === 0 || (magic !== undefined && isSkippable(magic))) return undefined;
  const where = { offset: reader.offset };
  const header = parseFrameHeader(start, where);
  if (header === undefined) throw damaged('frame ends inside its header', where);
  const { contentSize: length, hasChecksum } = header;
  if (length === undefined) throw damaged('frame does not say its size', where);
  if (!hasChecksum) throw damaged('frame has no checksum', where);
  const stored = await gather(frameBytes(reader, header), into, where);
  return { size: stored.length, length, checksum: frameChecksum(stored) };
}

/** Takes the bytes of the next frame in pieces, up to the end of its last block. */
export async function* frameBytes(reader: ByteReader, header: FrameHeader) {
  const where = { offset: reader.offset };
  const exactly = async function* (size: number) {
    let left = size;
    for await (const piece of reader.take(size)) {
      left -= piece.length;
      yield piece;
    }
    if (left > 0) throw damaged('frame ends before its last block', where);
  };
  yield* exactly(header.size);
  for (let last = false; !last; ) {
    const block = parseBlockHeader(await reader.peek(BLOCK_HEADER_SIZE), 0, where);
    if (block === undefined) throw damaged('frame ends before its last block', where);
    yield* exactly(BLOCK_HEADER_SIZE + block.storedSize);
    last = block.last;
  }
  if (header.hasChecksum) yield* exactly(CHECKSUM_SIZE);
}

/** Copies a frame to the start of `stored`, and returns that part. */
export async function gather(
  pieces: AsyncIterable<Uint8Array>,
  stored: Uint8Array,
  where: { offset: number },
): Promise<Uint8Array> {
  let size = 0;
  for await (const piece of pieces) {
    if (size + piece.length > stored.length) {
      throw damaged('frame is stored in far more bytes than it holds', where);
    }
    stored.set(piece, size);
    size += piece.length;
  }
  return stored.subarray(0, size);
}
