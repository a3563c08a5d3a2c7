import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { formatUuid, parseUuid } from '../../src/names/uuid.ts';
import { encodeCommand, encodeHeader, renameFirst } from '../../src/sendstream/writer.ts';
import { bodyOf, bytes, concat, end, oneOfEach, other, own, read, streamOf } from './streams.ts';

test('the header', () => {
  expect(encodeHeader(2)).toEqual(Buffer.from('btrfs-stream\0\x02\0\0\0', 'latin1'));
});

test('a command, byte for byte', () => {
  const chmod = encodeCommand({ type: 'CHMOD', path: bytes('ab'), mode: 0o755n }, 1);
  expect(
    Buffer.from(chmod)
      .toString('hex')
      .replace(/^(.{12}).{8}/, '$1........'),
  ).toBe('12000000' + '1200' + '........' + '0f0002006162' + '05000800ed01000000000000');
});

test('data has a length in version 1 and none in version 2', () => {
  const write = { type: 'WRITE', path: bytes('a'), fileOffset: 0n, data: bytes('xyz') } as const;
  expect(Buffer.from(encodeCommand(write, 1)).subarray(-7)).toEqual(Buffer.from('\x13\0\x03\0xyz'));
  expect(Buffer.from(encodeCommand(write, 2)).subarray(-5)).toEqual(Buffer.from('\x13\0xyz'));
});

test('values that do not fit are refused', () => {
  const write = (length: number) =>
    ({ type: 'WRITE', path: bytes('a'), fileOffset: 0n, data: new Uint8Array(length) }) as const;
  expect(() => encodeCommand(write(65_536), 1)).toThrow(RangeError);
  expect(() => encodeCommand(write(65_530), 1)).toThrow(RangeError);
  expect(encodeCommand(write(196_608 - 29), 2)).toHaveLength(196_608);
  expect(() => encodeCommand(write(196_608 - 28), 2)).toThrow(RangeError);
  const fileattr = { type: 'FILEATTR', path: bytes('a'), fileattr: 1n } as const;
  expect(() => encodeCommand(fileattr, 1)).toThrow(/version 1/);
});

test('renaming the first command changes nothing else', () => {
  const snapshot = {
    type: 'SNAPSHOT',
    path: bytes('daily'),
    uuid: own,
    ctransid: 4n,
    cloneUuid: other,
    cloneCtransid: 3n,
  } as const;
  const before = encodeCommand(snapshot, 1);
  const kept = before.slice();
  for (const name of ['.btrferry-1', 'x', 'daily']) {
    const renamed = renameFirst(before, bytes(name));
    const stream = concat(encodeHeader(1), renamed, encodeCommand(end, 1));
    const [first] = read([stream]).commands;
    expect(first && bodyOf(first)).toEqual({ ...snapshot, path: bytes(name) });
  }
  expect(before).toEqual(kept);
  for (const name of ['', '..', 'a/b', 'x'.repeat(256)]) {
    expect(() => renameFirst(before, bytes(name))).toThrow(RangeError);
  }
});

test('UUIDs as text and as bytes', () => {
  expect(formatUuid(parseUuid(own))).toBe(own);
  expect(formatUuid(concat(Uint8Array.of(1, 2), parseUuid(own)), 2)).toBe(own);
  expect(formatUuid(parseUuid(own.toUpperCase()))).toBe(own);
  for (const text of [
    '',
    own.slice(1),
    `${own}0`,
    own.replaceAll('-', ''),
    own.replace('b', 'g'),
  ]) {
    expect(() => parseUuid(text)).toThrow(RangeError);
  }
});

const progs = ['/usr/bin/btrfs', '/bin/btrfs', '/sbin/btrfs'].find(existsSync);

test.skipIf(progs === undefined && process.env.CI !== 'true').each([1, 2] as const)(
  'btrfs receive --dump reads every command of version %i',
  (version) => {
    const bodies = oneOfEach(version);
    const input = streamOf(version, bodies);
    const text = execFileSync(progs ?? 'btrfs', ['receive', '--dump'], { input }).toString(
      'latin1',
    );
    const dumped = text.split('\n').flatMap((line) => /^([a-z_]+) +\.\//.exec(line)?.[1] ?? []);
    expect(dumped).toEqual(
      bodies.filter(({ type }) => type !== 'END').map(({ type }) => type.toLowerCase()),
    );
  },
);
