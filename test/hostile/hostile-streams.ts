import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FailureCode } from '../../src/failure/failure.ts';
import type { CommandBody, StreamVersion } from '../../src/sendstream/commands.ts';
import { encodeCommand, encodeHeader, sealCommand } from '../../src/sendstream/writer.ts';
import { bytes, concat, end, other, streamOf, subvol } from '../sendstream/streams.ts';
import {
  clone,
  eachNaming,
  full,
  link,
  mkdir,
  mkfile,
  rename,
  snapshot,
  symlink,
  unlink,
  write,
} from './bodies.ts';
import type { Forgery } from './forge.ts';
import { lies } from './lying-streams.ts';

/**
 * Streams that `btrfs receive` would take to do harm, or that are not what they claim to be. As
 * root it has followed the first groups out of its directory with exit code 0.
 */
export interface HostileStream {
  readonly name: string;
  readonly stream: Uint8Array;
  /** The claims of the archive around the stream, if they are not true. */
  readonly forgery?: Forgery;
  /** Why it is refused. */
  readonly code: FailureCode;
  /** The findings of `verify`, if they differ. */
  readonly found?: FailureCode;
}

/** From the subvolume that a stream makes, out to a tree on the same filesystem. */
const way = '../../outside';

const p = bytes;

const first = concat(encodeHeader(2), encodeCommand(subvol, 2));
const last = encodeCommand(end, 2);

/** Between the first command and the last one: a command of any number and payload. */
function withRaw(number: number, ...attributes: Uint8Array[]): Uint8Array {
  return concat(first, sealCommand(number, concat(...attributes)), last);
}

function attribute(number: number, value: Uint8Array, length = value.length): Uint8Array {
  const header = Buffer.alloc(4);
  header.writeUInt16LE(number, 0);
  header.writeUInt16LE(length, 2);
  return concat(header, value);
}

const unsafe = (name: string, ...inner: CommandBody[]): HostileStream => ({
  name,
  stream: full(mkfile('f'), ...inner),
  code: 'stream-unsafe-path',
});

/** A path that leaves the subvolume, in every command that has one. */
const leaving = eachNaming(`${way}/sentinel`).map((body, i) =>
  unsafe(`${body.type} (${i}) of a path with ..`, body),
);

const paths = [
  '/etc/passwd',
  '//etc/passwd',
  'a//b',
  'a/',
  './a',
  'a/.',
  'a/./b',
  '.',
  '..',
  '../',
  'a/..',
  'a/../../../outside/sentinel',
  '',
  'a\0b',
  '\0',
  `${'x'.repeat(256)}`,
  `${'x/'.repeat(2100)}x`,
].map((path) => unsafe(`a path ${JSON.stringify(path.slice(0, 40))}`, write(path)));

const names = ['a/b', '/a', 'a/', '.', '..', '../a', '', 'a\0b', 'x'.repeat(256)].flatMap(
  (name) => [
    {
      name: `a subvolume called ${JSON.stringify(name.slice(0, 40))}`,
      stream: streamOf(2, [{ ...subvol, path: p(name) } as CommandBody, end]),
      code: 'stream-unsafe-path',
    } as const,
  ],
);

/** A symlink that the stream makes itself, and then goes through. */
const symlinks = [
  ...eachNaming('l/sentinel').map((body, i) =>
    unsafe(`${body.type} (${i}) through a symlink`, symlink('l', way), body),
  ),
  ...[
    write('l'),
    mkfile('l'),
    clone('l', 'f'),
    clone('x', 'l'),
    { type: 'TRUNCATE', path: p('l'), size: 0n } as const,
    { type: 'CHMOD', path: p('l'), mode: 0o4777n } as const,
    { type: 'FALLOCATE', path: p('l'), fallocateMode: 0, fileOffset: 0n, size: 1n } as const,
  ].map((body) => unsafe(`${body.type} of a symlink`, symlink('l', `${way}/sentinel`), body)),
  unsafe(
    'a symlink, its directory renamed',
    mkdir('d'),
    symlink('d/l', `${way}/sentinel`),
    rename('d', 'e'),
    write('e/l'),
  ),
  unsafe(
    'a symlink deep below, a directory far above renamed twice',
    ...['d', 'd/d', 'd/d/d'].map(mkdir),
    symlink('d/d/d/l', way),
    rename('d', 'e'),
    mkdir('g'),
    rename('e', 'g/e'),
    write('g/e/d/d/l/sentinel'),
  ),
  unsafe('a symlink renamed', symlink('l', `${way}/sentinel`), rename('l', 'm'), write('m')),
  unsafe(
    'a symlink renamed over a file',
    symlink('l', `${way}/sentinel`),
    rename('l', 'f'),
    write('f'),
  ),
  unsafe(
    'a hard link of a symlink',
    symlink('l', `${way}/sentinel`),
    link('m', 'l'),
    unlink('l'),
    write('m'),
  ),
  unsafe(
    'a hard link to a file behind a symlink, which is then written to',
    symlink('l', way),
    link('h', 'l/sentinel'),
    write('h'),
  ),
  unsafe(
    'a symlink in the place of a directory that was removed',
    mkdir('d'),
    { type: 'RMDIR', path: p('d') },
    symlink('d', way),
    write('d/sentinel'),
  ),
  unsafe(
    'one of two symlinks removed',
    symlink('l', way),
    symlink('m', way),
    unlink('m'),
    write('l/sentinel'),
  ),
  unsafe('a symlink to the directory above', symlink('l', '..'), mkdir('l/x')),
  unsafe('a symlink of bytes that are no text', symlink('\xff', way), write('\xff/sentinel')),
  unsafe('a symlink that says nothing', symlink('l', '')),
  unsafe('a symlink with a NUL', symlink('l', 'a\0b')),
];

const malformed = (name: string, stream: Uint8Array): HostileStream => ({
  name,
  stream,
  code: 'stream-malformed',
});

/** A command whose header says another length than it has. */
function lyingLength(length: number): Uint8Array {
  const command = Buffer.from(encodeCommand(mkfile('a'), 2));
  command.writeUInt32LE(length, 0);
  return concat(first, command, last);
}

const samples = join(import.meta.dirname, '..', '..', 'samples', 'streams');
const sample = (name: string) => new Uint8Array(readFileSync(join(samples, name)));

const versioned = (version: number): HostileStream => ({
  name: `version ${version}`,
  stream: concat(encodeHeader(version as StreamVersion), first.subarray(17), last),
  code: 'stream-version',
});

/** Streams that are put together otherwise than btrfs does it. */
const shapes: HostileStream[] = [
  { name: 'nothing at all', stream: new Uint8Array(0), code: 'manifest-damaged' },
  {
    name: 'a header and no more',
    stream: encodeHeader(2),
    code: 'stream-differs-from-manifest',
    found: 'stream-truncated',
  },
  {
    name: 'no END',
    stream: concat(first, encodeCommand(mkfile('a'), 2)),
    code: 'stream-truncated',
  },
  malformed('no SUBVOL: a file first', streamOf(2, [mkfile('a'), write('a'), end])),
  malformed('no SUBVOL: a directory first', streamOf(2, [mkdir('a'), end])),
  malformed('END alone', streamOf(2, [end])),
  malformed('SUBVOL second', streamOf(2, [mkfile('a'), subvol, end])),
  malformed('two SUBVOLs', full(subvol)),
  malformed(
    'two SUBVOLs of other names',
    full({ ...subvol, path: p('t'), uuid: other } as CommandBody),
  ),
  malformed('a SNAPSHOT after SUBVOL', full(snapshot())),
  malformed('two streams in one', concat(full(), full())),
  malformed('a byte after END', concat(full(), Uint8Array.of(0))),
  malformed('END twice', concat(full(), last)),
  malformed('a command after END', concat(full(), encodeCommand(write('../x'), 2))),
  malformed('something else than a stream', p('#!/bin/sh\necho this is no stream\n')),
  malformed('another magic', p('btrfs-strean\0\x02\0\0\0')),
  versioned(0),
  versioned(3),
  versioned(2 ** 32 - 1),
  malformed('a command of 4 GiB', lyingLength(0xffffffff)),
  malformed('a command of 256 KiB', lyingLength(256 * 1024)),
  { name: 'a command longer than the stream', stream: lyingLength(1000), code: 'stream-truncated' },
  { name: 'a command shorter than it is', stream: lyingLength(4), code: 'stream-checksum' },
  { name: 'a command of no length', stream: lyingLength(0), code: 'stream-checksum' },
  malformed('an attribute longer than its command', withRaw(11, attribute(15, p('a'), 9))),
  malformed('an attribute cut off', withRaw(11, attribute(15, p('a')), Uint8Array.of(15, 0, 1))),
  malformed('a u64 of seven bytes', withRaw(3, attribute(15, p('a')), attribute(3, p('1234567')))),
  malformed(
    'a UUID of 17 bytes',
    concat(
      encodeHeader(2),
      sealCommand(
        1,
        concat(attribute(15, p('s')), attribute(1, p('x'.repeat(17))), attribute(2, p('12345678'))),
      ),
      last,
    ),
  ),
  malformed(
    'a path twice, the second one unsafe',
    withRaw(11, attribute(15, p('a')), attribute(15, p('../a'))),
  ),
  malformed('a command without its path', withRaw(11)),
  malformed('an unknown attribute', withRaw(11, attribute(15, p('a')), attribute(32, p('x')))),
  malformed(
    'an attribute of another command',
    withRaw(11, attribute(15, p('a')), attribute(16, p('../b'))),
  ),
  malformed(
    'an xattr with a NUL in its name',
    full({ type: 'REMOVE_XATTR', path: p(''), xattrName: p('user.a\0b') }),
  ),
  ...[0, 26, 27, 255, 65535].map((number) =>
    malformed(`unknown command ${number}`, withRaw(number, attribute(15, p('../a')))),
  ),
  malformed(
    'a command of version 2 in version 1',
    concat(
      encodeHeader(1),
      encodeCommand(subvol, 1),
      encodeCommand({ type: 'FILEATTR', path: p('f'), fileattr: 1n }, 2),
      encodeCommand(end, 1),
    ),
  ),
  { name: 'a wrong checksum', stream: concat(first.with(23, 1), last), code: 'stream-checksum' },
  {
    name: 'no file data',
    stream: sample('tree.1.no-data.v1.btrfs'),
    code: 'stream-differs-from-manifest',
  },
];

export const hostileStreams: readonly HostileStream[] = [
  ...leaving,
  ...paths,
  ...names,
  ...symlinks,
  ...shapes,
  ...lies,
];
