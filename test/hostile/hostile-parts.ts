import { withoutChecksum } from '../../src/zstd/frame.ts';
import { type Forgery, storedFrame } from './forge.ts';
import { forged, goodStream, type HostileArchive } from './good-archive.ts';

/** Parts whose frames or seek tables are not what they say. */

/** Claims throughout that the stream has this length. */
const lengthClaimed = (streamLength: number): Pick<Forgery, 'manifest' | 'entries'> => ({
  entries: (entries) => entries.map((entry) => ({ ...entry, length: streamLength })),
  manifest: (manifest) => ({
    ...manifest,
    stream: { ...manifest.stream, length: streamLength },
    parts: manifest.parts.map((part) => ({ ...part, streamLength })),
  }),
});

const MAGIC = [0x28, 0xb5, 0x2f, 0xfd];

/** A frame of blocks that each stand for 128 KiB of one byte. `content`: the size it claims. */
function bomb(blocks: number, content: Buffer, descriptor: number): Uint8Array {
  const block = (last: boolean) => {
    const word = ((128 * 1024) << 3) | (1 << 1) | (last ? 1 : 0);
    return [word & 0xff, (word >> 8) & 0xff, word >> 16, 0x61];
  };
  const all = Array.from({ length: blocks }, (_, i) => Buffer.from(block(i === blocks - 1)));
  return Buffer.concat([Buffer.from([...MAGIC, descriptor]), content, ...all]);
}

const u32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};
const u64 = (value: bigint) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
};
/** Single segment, with a content size of four or eight bytes. */
const [IN_FOUR, IN_EIGHT] = [0xa0, 0xe0];

/** Writes a little-endian number into a copy, at an offset from the end. */
function poked(bytes: Uint8Array, fromEnd: number, value: number): Uint8Array {
  const copy = Buffer.from(bytes);
  copy.writeUInt32LE(value, copy.length - fromEnd);
  return copy;
}

const frames: HostileArchive[] = [
  forged('a frame that says it is small', 'frame-damaged', {
    frame: (frame) => poked(frame, frame.length - 5, 10),
  }),
  forged('a frame that says it is huge', 'frame-damaged', {
    frame: (frame) =>
      Buffer.concat([Buffer.from([...MAGIC, IN_EIGHT]), u64(1n << 50n), frame.subarray(9)]),
  }),
  forged('a frame of 2^64 - 1 bytes', 'frame-damaged', {
    frame: (frame) =>
      Buffer.concat([Buffer.from([...MAGIC, IN_EIGHT]), u64(2n ** 64n - 1n), frame.subarray(9)]),
  }),
  forged('a frame and a table that both say too little', 'frame-damaged', {
    frame: (frame) => poked(frame, frame.length - 5, 100),
    ...lengthClaimed(100),
  }),
  forged('a frame and a table that both say too much', 'frame-damaged', {
    frame: (frame) => poked(frame, frame.length - 5, 2 ** 21),
    ...lengthClaimed(2 ** 21),
  }),
  forged('a frame and a table that both say 4 GiB', 'seek-table-damaged', {
    frame: (frame) => poked(frame, frame.length - 5, 2 ** 32 - 1),
    ...lengthClaimed(2 ** 32 - 1),
  }),
  forged('a bomb of 1.2 GiB that says it is small', 'frame-damaged', {
    frame: () => bomb(10_000, u32(1000), IN_FOUR),
    ...lengthClaimed(1000),
  }),
  forged('a bomb of 1.2 GiB that says it is a frame of ours', 'frame-damaged', {
    frame: () => bomb(10_000, u32(2 ** 21), IN_FOUR),
    ...lengthClaimed(2 ** 21),
  }),
  forged('a bomb that says what it is', 'frame-damaged', {
    frame: () => bomb(10_000, u32(10_000 * 128 * 1024), IN_FOUR),
  }),
  forged('a bomb that does not say its size, with a window of 2 GiB', 'frame-damaged', {
    frame: () => bomb(10_000, Buffer.from([21 << 3]), 0),
  }),
  forged('a frame that does not say its size', 'frame-damaged', {
    frame: (frame) => Buffer.concat([Buffer.from([...MAGIC, 0, 88]), frame.subarray(9)]),
  }),
  forged('a frame that needs a dictionary', 'frame-damaged', {
    frame: (frame) =>
      Buffer.concat([
        Buffer.from([...MAGIC, IN_FOUR | 1, 7]),
        u32(goodStream.length),
        frame.subarray(9),
      ]),
  }),
  forged('a frame with the reserved bit', 'frame-damaged', {
    frame: (frame) => Buffer.from(frame).fill(IN_FOUR | 8, 4, 5),
  }),
  forged('a frame with a block of the reserved type', 'frame-damaged', {
    frame: (frame) => Buffer.from(frame).fill(7, 9, 10),
  }),
  forged('a frame without its last block', 'frame-damaged', {
    frame: (frame) => Buffer.from(frame).fill((frame[9] ?? 0) & ~1, 9, 10),
  }),
  forged('a frame with something behind it', 'frame-damaged', {
    frame: (frame) => Buffer.concat([frame, Buffer.from('more')]),
  }),
  forged('two frames in the place of one', 'frame-damaged', {
    frame: (frame) => Buffer.concat([frame, frame]),
  }),
  forged('a skippable frame in the place of one', 'frame-damaged', {
    frame: (frame) =>
      Buffer.concat([Buffer.from([0x50, 0x2a, 0x4d, 0x18]), u32(frame.length), frame]),
  }),
  forged('anything else in the place of a frame', 'frame-damaged', {
    frame: (frame) => Buffer.alloc(frame.length, 'x'),
  }),
  forged('a frame without its checksum', 'frame-damaged', {
    frame: (frame) => Buffer.from(withoutChecksum(frame)),
  }),
  forged('a frame of another checksum than its contents', 'frame-damaged', {
    frame: (frame) => poked(frame, 4, 7),
    entries: (entries) => entries.map((entry) => ({ ...entry, checksum: 7 })),
  }),
  forged('a frame of another stream', 'frame-damaged', {
    frame: (_, plain) => storedFrame(Buffer.from(plain).fill(1, 90)),
  }),
];

const tables: HostileArchive[] = [
  ...[2 ** 32 - 1, 2 ** 31, 2 ** 20, 2, 0].map((frames) =>
    forged(`a seek table of ${frames} frames`, 'seek-table-damaged', {
      table: (table) => poked(table, 9, frames),
    }),
  ),
  forged('a seek table of another magic', 'seek-table-damaged', {
    table: (table) => poked(table, table.length, 0x184d2a5f),
  }),
  forged('a seek table that says another size', 'seek-table-damaged', {
    table: (table) => poked(table, table.length - 4, 2 ** 32 - 1),
  }),
  forged('a seek table without checksums', 'seek-table-damaged', {
    table: (table) => Buffer.from(table).fill(0, table.length - 5, table.length - 4),
  }),
  forged('a seek table with reserved bits', 'seek-table-damaged', {
    table: (table) => Buffer.from(table).fill(0xff, table.length - 5, table.length - 4),
  }),
  forged('no seek table', 'seek-table-damaged', { table: () => Buffer.alloc(0) }),
  forged('half a seek table', 'seek-table-damaged', { table: (table) => table.subarray(6) }),
  forged('two seek tables', 'seek-table-damaged', {
    table: (table) => Buffer.concat([table, table]),
  }),
  forged('a part of nothing', 'manifest-damaged', { part: () => Buffer.alloc(0) }),
  ...[0, 1, 2 ** 21 + 2 ** 17, 2 ** 32 - 1].map((size) =>
    forged(`a frame stored in ${size} bytes`, 'seek-table-damaged', {
      entries: (entries) => entries.map((entry) => ({ ...entry, size })),
    }),
  ),
  ...[0, 1, 2 ** 21 + 1, 2 ** 32 - 1].map((length) =>
    forged(`a frame of ${length} bytes of stream`, 'seek-table-damaged', {
      entries: (entries) => entries.map((entry) => ({ ...entry, length })),
    }),
  ),
  forged('a short frame before the last of the stream', 'seek-table-damaged', { partLength: 100 }),
  forged('another checksum', 'frame-damaged', {
    entries: (entries) => entries.map((entry) => ({ ...entry, checksum: entry.checksum ^ 1 })),
  }),
  forged('a frame that stands twice in the table', 'seek-table-damaged', {
    entries: (entries) => [...entries, ...entries],
  }),
];

export const hostileParts: readonly HostileArchive[] = [...frames, ...tables];
