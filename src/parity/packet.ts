/**
 * Packets of PAR2 ("Parity Volume Set Specification 2.0"). All integers are little-endian.
 *
 *     8 bytes "PAR2\0PKT"   u64 length of the packet, a multiple of 4
 *     16 bytes MD5 of all that follows   16 bytes id of the set   16 bytes type   the body
 */
import { createHash, hash } from 'node:crypto';
import { MAX_SLICES } from './field.ts';

export const HEADER_SIZE = 64;
export const MAGIC = Buffer.from('PAR2\0PKT', 'latin1');
/** The most bytes of a packet other than a recovery block: checksums of as many slices as there are. */
export const MAX_DESCRIPTION = HEADER_SIZE + 16 + MAX_SLICES * 20;

const types = {
  main: 'PAR 2.0\0Main\0\0\0\0',
  file: 'PAR 2.0\0FileDesc',
  slices: 'PAR 2.0\0IFSC\0\0\0\0',
  recovery: 'PAR 2.0\0RecvSlic',
  creator: 'PAR 2.0\0Creator\0',
} as const;

export type PacketType = keyof typeof types;

/** A file of a set. */
export interface ProtectedFile {
  readonly name: string;
  readonly length: number;
  /** MD5 of the file, and of its first 16 KiB, in hex. */
  readonly md5: string;
  readonly md5Start: string;
  /** MD5 and CRC32 of each slice, 20 bytes each. The last slice counts as filled up with zeros. */
  readonly checksums: Uint8Array;
}

/** Bytes of one entry of the checksums of slices. */
export const CHECKSUM_SIZE = 20;

/** Bytes of a file for which `md5Start` stands. */
export const START = 16384;

/** The header of a packet. */
export interface PacketHeader {
  readonly length: number;
  readonly md5: string;
  readonly set: string;
  /** Undefined for a type that this program does not know. */
  readonly type: PacketType | undefined;
}

/** Reads the header of a packet; undefined if there is none. */
export function headerAt(bytes: Buffer): PacketHeader | undefined {
  if (bytes.length < HEADER_SIZE || !bytes.subarray(0, 8).equals(MAGIC)) return undefined;
  const length = Number(bytes.readBigUInt64LE(8));
  if (length < HEADER_SIZE || length % 4 !== 0 || !Number.isSafeInteger(length)) return undefined;
  const name = bytes.toString('latin1', 48, 64);
  const type = (Object.keys(types) as PacketType[]).find((each) => types[each] === name);
  return { length, md5: bytes.toString('hex', 16, 32), set: bytes.toString('hex', 32, 48), type };
}

/** The slice size, bytes, and the ids of the files of a set in order; undefined if they are invalid. */
export function readMain(body: Buffer): { sliceSize: number; files: string[] } | undefined {
  if (body.length < 12) return undefined;
  const sliceSize = Number(body.readBigUInt64LE(0));
  const count = body.readUInt32LE(8);
  const isSize = Number.isSafeInteger(sliceSize) && sliceSize > 0 && sliceSize % 4 === 0;
  if (!isSize || count === 0 || count > MAX_SLICES || body.length < 12 + 16 * count)
    return undefined;
  const files = Array.from({ length: count }, (_, at) =>
    body.toString('hex', 12 + 16 * at, 28 + 16 * at),
  );
  return { sliceSize, files };
}

/** The id of a file, and what is known of it but for its slices; undefined if it is invalid. */
export function readFile(
  body: Buffer,
): (Omit<ProtectedFile, 'checksums'> & { id: string }) | undefined {
  if (body.length <= 56) return undefined;
  const length = Number(body.readBigUInt64LE(48));
  if (!Number.isSafeInteger(length)) return undefined;
  return {
    id: body.toString('hex', 0, 16),
    md5: body.toString('hex', 16, 32),
    md5Start: body.toString('hex', 32, 48),
    length,
    name: body.toString('utf8', 56).replace(/\0+$/, ''),
  };
}

/** The id of a file, and the checksums of its slices. */
export function readSlices(body: Buffer): { id: string; checksums: Uint8Array } | undefined {
  if (body.length < 16) return undefined;
  return { id: body.toString('hex', 0, 16), checksums: Buffer.from(body.subarray(16)) };
}

/** The number of recovery blocks that btrferry made with a set; undefined for other programs. */
export function readCreator(body: Buffer): number | undefined {
  const found = /^btrferry, ([0-9]{1,5}) blocks\0*$/.exec(body.toString('latin1'));
  return found === null ? undefined : Number(found[1]);
}

/**
 * The packets that describe a set, in one row of bytes, the last of which is that of the creator;
 * the id of the set; and its files in the order in which their slices count.
 */
export function describeSet(
  sliceSize: number,
  files: readonly ProtectedFile[],
  blocks: number,
): { id: Buffer; packets: Buffer; files: ProtectedFile[] } {
  const sorted = files
    .map((file) => ({ file, id: fileId(file) }))
    .sort((a, b) => compareIds(a.id, b.id));
  const main = Buffer.alloc(12);
  main.writeBigUInt64LE(BigInt(sliceSize), 0);
  main.writeUInt32LE(files.length, 8);
  const body = Buffer.concat([main, ...sorted.map(({ id }) => id)]);
  const id = hash('md5', body, 'buffer');
  const packets = [packet(id, 'main', body)];
  for (const { file, id: own } of sorted) {
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(file.length));
    const sums = Buffer.from(file.md5 + file.md5Start, 'hex');
    const name = padded(Buffer.from(file.name));
    packets.push(packet(id, 'file', Buffer.concat([own, sums, length, name])));
    packets.push(packet(id, 'slices', Buffer.concat([own, file.checksums])));
  }
  packets.push(packet(id, 'creator', padded(Buffer.from(`btrferry, ${blocks} blocks`))));
  return { id, packets: Buffer.concat(packets), files: sorted.map(({ file }) => file) };
}

/** Bytes of a recovery packet in front of its contents. */
export const RECOVERY_HEADER = HEADER_SIZE + 4;

/** The bytes of a recovery packet after its MD5 and in front of its contents. */
export function recoveryStart(set: Uint8Array, exponent: number): Buffer {
  const bytes = Buffer.alloc(36);
  bytes.set(set, 0);
  bytes.write(types.recovery, 16, 'latin1');
  bytes.writeUInt32LE(exponent, 32);
  return bytes;
}

/** The start of a recovery packet, up to its contents of `sliceSize` bytes. */
export function recoveryHeader(start: Buffer, md5: Uint8Array, sliceSize: number): Buffer {
  const beginning = Buffer.alloc(16);
  MAGIC.copy(beginning);
  beginning.writeBigUInt64LE(BigInt(RECOVERY_HEADER + sliceSize), 8);
  return Buffer.concat([beginning, md5, start]);
}

function packet(set: Uint8Array, type: PacketType, body: Uint8Array): Buffer {
  const bytes = Buffer.alloc(HEADER_SIZE + body.length);
  MAGIC.copy(bytes);
  bytes.writeBigUInt64LE(BigInt(bytes.length), 8);
  bytes.set(set, 32);
  bytes.write(types[type], 48, 'latin1');
  bytes.set(body, HEADER_SIZE);
  bytes.set(hash('md5', bytes.subarray(32), 'buffer'), 16);
  return bytes;
}

function fileId({ md5Start, length, name }: ProtectedFile): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(length));
  return createHash('md5').update(Buffer.from(md5Start, 'hex')).update(bytes).update(name).digest();
}

/** Orders ids as numbers whose last byte is the most significant one. */
function compareIds(a: Buffer, b: Buffer): number {
  return Buffer.compare(Buffer.from(a).reverse(), Buffer.from(b).reverse());
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}
