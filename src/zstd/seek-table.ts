/**
 * The seek table at the end of a part, as the published Zstandard Seekable Format has it
 * (zstd, contrib/seekable_format, version 0.1.0): a skippable frame, so that every zstd decoder
 * passes over it. All integers are little-endian.
 *
 *     u32 magic 0x184D2A5E   u32 size of what follows
 *     for each frame: u32 stored size, u32 size in the stream, u32 checksum
 *     u32 number of frames   u8 descriptor 0x80 (checksums are there)   u32 magic 0x8F92EAB1
 */
import { Failure, type Where } from '../failure/failure.ts';
import { FRAME_SIZE, MAX_STORED_SIZE, SKIPPABLE_MAGIC } from './frame.ts';

export interface SeekEntry {
  /** Bytes of the stored frame. */
  readonly size: number;
  /** Bytes of stream in the frame. */
  readonly length: number;
  /** The checksum of these bytes of stream, which the frame also holds at its end. */
  readonly checksum: number;
}

const TABLE_MAGIC = SKIPPABLE_MAGIC + 0xe;
const FOOTER_MAGIC = 0x8f92eab1;
const CHECKSUMS = 0x80;
const HEADER_SIZE = 8;
const ENTRY_SIZE = 12;
/** Bytes of the shortest frame: magic, descriptor, content size, a block of one byte, checksum. */
const MIN_FRAME_SIZE = 4 + 1 + 1 + 3 + 1 + 4;

/** Bytes at the end of a part that give the size of its seek table: {@link seekTableSize}. */
export const SEEK_FOOTER_SIZE = 9;

/** The most frames of a part (2 TiB of stream), so that tables stay small. */
export const MAX_FRAMES = 2 ** 20;

/** Bytes of a seek table with this number of frames. */
export function seekTableSizeOf(frames: number): number {
  return HEADER_SIZE + frames * ENTRY_SIZE + SEEK_FOOTER_SIZE;
}

/**
 * The seek table of a part that is being written. It is compact, because a part can have many
 * frames.
 */
export class SeekTable {
  #entries = new Uint8Array(1024 * ENTRY_SIZE);
  #frames = 0;

  get frames(): number {
    return this.#frames;
  }

  add({ size, length, checksum }: SeekEntry): void {
    if (this.#frames === MAX_FRAMES) throw new RangeError(`${MAX_FRAMES + 1} frames in one part`);
    const offset = this.#frames * ENTRY_SIZE;
    if (offset === this.#entries.length) {
      const wider = new Uint8Array(2 * offset);
      wider.set(this.#entries);
      this.#entries = wider;
    }
    const view = new DataView(this.#entries.buffer, offset, ENTRY_SIZE);
    view.setUint32(0, size, true);
    view.setUint32(4, length, true);
    view.setUint32(8, checksum, true);
    this.#frames++;
  }

  encode(): Uint8Array {
    const table = new Uint8Array(seekTableSizeOf(this.#frames));
    const view = new DataView(table.buffer);
    view.setUint32(0, TABLE_MAGIC, true);
    view.setUint32(4, table.length - HEADER_SIZE, true);
    table.set(this.#entries.subarray(0, this.#frames * ENTRY_SIZE), HEADER_SIZE);
    const footer = table.length - SEEK_FOOTER_SIZE;
    view.setUint32(footer, this.#frames, true);
    view.setUint8(footer + 4, CHECKSUMS);
    view.setUint32(footer + 5, FOOTER_MAGIC, true);
    return table;
  }
}

/** Encodes the seek table of these frames. */
export function encodeSeekTable(entries: readonly SeekEntry[]): Uint8Array {
  const table = new SeekTable();
  for (const entry of entries) table.add(entry);
  return table.encode();
}

/**
 * Returns the size of a seek table, bytes.
 *
 * @param footer the last bytes of the part, {@link SEEK_FOOTER_SIZE} or more
 * @param partSize bytes of the part, which bounds the result, as {@link MAX_FRAMES} does
 * @throws {Failure} `seek-table-damaged`
 */
export function seekTableSize(footer: Uint8Array, partSize: number, where: Where = {}): number {
  const at = footer.length - SEEK_FOOTER_SIZE;
  if (at < 0 || partSize < seekTableSizeOf(0)) throw broken('no room for a seek table', where);
  const view = new DataView(footer.buffer, footer.byteOffset, footer.byteLength);
  const magic = view.getUint32(at + 5, true);
  if (magic !== FOOTER_MAGIC) {
    throw broken('part does not end in a seek table', { ...where, found: hex(magic) });
  }
  const descriptor = view.getUint8(at + 4);
  if ((descriptor & CHECKSUMS) === 0) throw broken('seek table has no checksums', where);
  if (descriptor !== CHECKSUMS) {
    throw broken('reserved bits set in the seek table', { ...where, found: hex(descriptor) });
  }
  const frames = view.getUint32(at, true);
  const size = seekTableSizeOf(frames);
  if (frames > MAX_FRAMES || size + frames * MIN_FRAME_SIZE > partSize) {
    throw broken(`seek table claims ${frames} frames in a part of ${partSize} bytes`, where);
  }
  return size;
}

/**
 * Reads the seek table of a part of `partSize` bytes from its last bytes, at least {@link
 * seekTableSize} of them. The sizes in the result add up to the part.
 *
 * @throws {Failure} `seek-table-damaged`
 */
export function decodeSeekTable(
  tail: Uint8Array,
  partSize: number,
  where: Where = {},
): SeekEntry[] {
  const size = seekTableSize(tail, partSize, where);
  if (tail.length < size) throw broken('seek table is cut off', where);
  const view = new DataView(tail.buffer, tail.byteOffset + tail.length - size, size);
  const magic = view.getUint32(0, true);
  if (magic !== TABLE_MAGIC) {
    throw broken('no seek table begins where it should', { ...where, found: hex(magic) });
  }
  const body = view.getUint32(4, true);
  if (body !== size - HEADER_SIZE) {
    throw broken('seek table has another size than its number of frames takes', {
      ...where,
      expected: `${size - HEADER_SIZE} bytes`,
      found: `${body} bytes`,
    });
  }

  const entries: SeekEntry[] = [];
  const count = (size - seekTableSizeOf(0)) / ENTRY_SIZE;
  let stored = size;
  for (let i = 0; i < count; i += 1) {
    const offset = HEADER_SIZE + i * ENTRY_SIZE;
    const entry: SeekEntry = {
      size: view.getUint32(offset, true),
      length: view.getUint32(offset + 4, true),
      checksum: view.getUint32(offset + 8, true),
    };
    checkEntry(entry, i, i === count - 1, where);
    stored += entry.size;
    entries.push(entry);
  }
  if (stored !== partSize) {
    throw broken('frames and seek table do not add up to the part', {
      ...where,
      expected: `${partSize} bytes`,
      found: `${stored} bytes`,
    });
  }
  return entries;
}

function checkEntry({ size, length }: SeekEntry, index: number, last: boolean, where: Where): void {
  if (size < MIN_FRAME_SIZE || size > MAX_STORED_SIZE) {
    throw broken(`frame ${index} is said to be stored in ${size} bytes`, where);
  }
  if (length === 0 || length > FRAME_SIZE || (!last && length !== FRAME_SIZE)) {
    throw broken(`frame ${index} is said to hold ${length} bytes of stream`, where);
  }
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

function broken(what: string, where: Where): Failure {
  return new Failure('seek-table-damaged', what, { where });
}
