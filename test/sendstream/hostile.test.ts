import { expect, test } from 'vitest';
import { Failure, type FailureCode } from '../../src/failure/failure.ts';
import type { StreamVersion } from '../../src/sendstream/commands.ts';
import { StreamReader } from '../../src/sendstream/reader.ts';
import { encodeCommand, encodeHeader, sealCommand } from '../../src/sendstream/writer.ts';
import { around, bytes, concat, end, own, read, streamOf, subvol } from './streams.ts';

/** Checks that a stream is refused, whole and byte by byte, for one reason at one place. */
function refused(stream: Uint8Array, code: FailureCode, message: RegExp, offset?: number): void {
  for (const pieces of [[stream], Array.from(stream, (byte) => Uint8Array.of(byte))]) {
    let failure: unknown;
    try {
      read(pieces);
    } catch (error) {
      failure = error;
    }
    expect(failure).toBeInstanceOf(Failure);
    const { code: found, message: text, where } = failure as Failure;
    expect(text).toMatch(message);
    expect(found).toBe(code);
    if (offset !== undefined) expect(where.offset).toBe(offset);
  }
}

const first = concat(encodeHeader(2), encodeCommand(subvol, 2));
const last = encodeCommand(end, 2);

/** A version 2 stream with one command of any number and attributes between its first and last. */
function withRaw(number: number, ...attributes: Uint8Array[]): Uint8Array {
  return concat(first, sealCommand(number, concat(...attributes)), last);
}

function attribute(number: number, value: Uint8Array, length = value.length): Uint8Array {
  const header = Buffer.alloc(4);
  header.writeUInt16LE(number, 0);
  header.writeUInt16LE(length, 2);
  return concat(header, value);
}

const path = attribute(15, bytes('a'));
const eight = new Uint8Array(8);
const UNLINK = 11;
const MKFILE = 3;

test('input that is not a send stream', () => {
  refused(bytes('PK\x03\x04 is not what it is'), 'stream-malformed', /not a btrfs send stream/, 0);
});

test.each([0, 3, 4, 0x01000000, 0xffffffff])('a stream of version %i', (version) => {
  const header = encodeHeader(version as StreamVersion);
  refused(header, 'stream-version', new RegExp(`version ${version};`), 13);
});

test('a command longer than the limit is refused before its bytes arrive', () => {
  for (const [version, limit] of [
    [1, 65536],
    [2, 196608],
  ] as const) {
    const reader = new StreamReader();
    const claim = Buffer.alloc(10);
    claim.writeUInt32LE(limit - 9, 0);
    const stream = concat(encodeHeader(version), claim);
    expect(() => [...reader.push(stream)]).toThrow(/at most/);
    claim.writeUInt32LE(0xffffffff, 0);
    refused(concat(encodeHeader(version), claim), 'stream-malformed', /4294967305 bytes/, 17);
    claim.writeUInt32LE(limit - 10, 0);
    refused(concat(encodeHeader(version), claim), 'stream-truncated', /within the command/, 27);
  }
});

test('a wrong checksum', () => {
  const stream = concat(first, encodeCommand({ type: 'UNLINK', path: bytes('a') }, 2), last);
  stream[first.length + 6] = (stream[first.length + 6] as number) ^ 1;
  refused(stream, 'stream-checksum', /does not match its checksum/, first.length);
});

test('a checksum failure says what was expected and what was found', () => {
  const stream = Buffer.concat([first]);
  const crc = stream.readUInt32LE(17 + 6);
  stream.writeUInt32LE((crc ^ 0xff) >>> 0, 17 + 6);
  try {
    read([stream]);
    expect.unreachable();
  } catch (error) {
    const hex = (value: number) => (value >>> 0).toString(16).padStart(8, '0');
    expect((error as Failure).where).toEqual({
      offset: 17,
      expected: hex(crc ^ 0xff),
      found: hex(crc),
    });
  }
});

test.each([0, 26, 27, 1000, 65535])('unknown command %i', (number) => {
  refused(withRaw(number, path), 'stream-malformed', /unknown command/, first.length);
});

test('a command of version 2 in a stream of version 1', () => {
  const write = encodeCommand({ type: 'FILEATTR', path: bytes('a'), fileattr: 1n }, 2);
  const stream = concat(encodeHeader(1), encodeCommand(subvol, 1), write);
  refused(stream, 'stream-malformed', /FILEATTR does not exist in version 1/, first.length);
});

test('attributes that are unknown, foreign, doubled, missing, or of a wrong length', () => {
  const at = first.length;
  refused(withRaw(UNLINK, path, attribute(32, eight)), 'stream-malformed', /attribute 32/, at);
  refused(withRaw(UNLINK, path, attribute(0, eight)), 'stream-malformed', /attribute 0/, at);
  refused(withRaw(UNLINK, path, attribute(3, eight)), 'stream-malformed', /attribute 3/, at);
  refused(withRaw(UNLINK, path, path), 'stream-malformed', /path twice/, at);
  refused(withRaw(UNLINK), 'stream-malformed', /UNLINK without path/, at);
  refused(withRaw(MKFILE, path), 'stream-malformed', /MKFILE without ino/, at);
  const short = attribute(3, new Uint8Array(7));
  refused(withRaw(MKFILE, path, short), 'stream-malformed', /7 bytes instead of 8/, at);
  const long = attribute(3, new Uint8Array(9));
  refused(withRaw(MKFILE, path, long), 'stream-malformed', /9 bytes instead of 8/, at);
  refused(withRaw(UNLINK, attribute(15, bytes('a'), 2)), 'stream-malformed', /longer than/, at);
  refused(withRaw(UNLINK, path, Uint8Array.of(1)), 'stream-malformed', /cut off/, at);
  refused(withRaw(UNLINK, Uint8Array.of(15, 0, 1)), 'stream-malformed', /cut off/, at);
});

test('the name of an extended attribute with a NUL or without bytes', () => {
  for (const name of ['', 'user.a\0b', 'x'.repeat(256)]) {
    const command = { type: 'REMOVE_XATTR', path: bytes('a'), xattrName: bytes(name) } as const;
    refused(around(command), 'stream-malformed', /extended attribute/, first.length);
  }
});

test('no SUBVOL or SNAPSHOT first, or a second one', () => {
  const unlink = { type: 'UNLINK', path: bytes('a') } as const;
  refused(streamOf(2, [unlink, end]), 'stream-malformed', /begins with UNLINK/, 17);
  refused(streamOf(2, [end]), 'stream-malformed', /begins with END/, 17);
  refused(streamOf(2, [subvol, subvol, end]), 'stream-malformed', /SUBVOL after/, first.length);
  const snapshot = {
    type: 'SNAPSHOT',
    path: bytes('s'),
    uuid: own,
    ctransid: 1n,
    cloneUuid: own,
    cloneCtransid: 1n,
  } as const;
  refused(streamOf(2, [subvol, snapshot, end]), 'stream-malformed', /SNAPSHOT after/, first.length);
});

test('anything after END, including a second stream', () => {
  const stream = around();
  refused(concat(stream, Uint8Array.of(0)), 'stream-malformed', /after END/, stream.length);
  refused(concat(stream, stream), 'stream-malformed', /after END/, stream.length);
  refused(concat(stream, last), 'stream-malformed', /after END/, stream.length);
});

test('no END', () => {
  refused(streamOf(2, [subvol]), 'stream-truncated', /without an END/, first.length);
  refused(new Uint8Array(), 'stream-truncated', /is empty/, 0);
});
