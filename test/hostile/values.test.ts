import { mkdirSync, readdirSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { exit } from '../../src/failure/failure.ts';
import type { CommandBody } from '../../src/sendstream/commands.ts';
import { type Btrfs, describeReal, withBtrfs, withDirectory } from '../filesystem.ts';
import { bytes, end, streamOf, subvol } from '../sendstream/streams.ts';
import { importInto, verify } from './attempt.ts';
import { clone, mkfile, symlink, write } from './bodies.ts';
import { forge } from './forge.ts';
import { tally } from './tally.ts';

/**
 * Values that no filesystem would send, in commands that are as they should be. btrfs knows best
 * what it can take; what it can't must leave nothing behind.
 */
const f = bytes('f');
const encoded = (change: object, data = Buffer.alloc(100, 'x')): CommandBody => ({
  type: 'ENCODED_WRITE',
  path: f,
  fileOffset: 0n,
  unencodedFileLen: 4096n,
  unencodedLen: 4096n,
  unencodedOffset: 0n,
  compression: 2,
  encryption: 0,
  data,
  ...change,
});
/** Stands for the UUID of the stream's own subvolume. */
const itself = '';
const most = 2n ** 64n - 1n;
const time = { sec: 0n, nsec: 0 };

const values: readonly (readonly [string, 'received' | 'refused', ...CommandBody[]])[] = [
  [
    'a write beyond the end of all files',
    'refused',
    { ...write('f'), fileOffset: most } as CommandBody,
  ],
  ['a write at 2^62', 'received', { ...write('f'), fileOffset: 2n ** 62n } as CommandBody],
  ['a file of 2^64 - 1 bytes', 'refused', { type: 'TRUNCATE', path: f, size: most }],
  ['a file of 2^62 bytes', 'received', { type: 'TRUNCATE', path: f, size: 2n ** 62n }],
  [
    'a clone of 2^64 - 1 bytes',
    'refused',
    { ...clone('f', 'f'), cloneLen: most, cloneUuid: itself } as CommandBody,
  ],
  [
    'a clone of what is not there',
    'refused',
    { ...clone('f', 'g'), cloneUuid: itself } as CommandBody,
  ],
  ['data that is not what it is compressed to', 'received', encoded({})],
  ['data that is said to be 2^40 bytes', 'refused', encoded({ unencodedLen: 2n ** 40n })],
  ['data that is said to be 2^64 - 1 bytes', 'refused', encoded({ unencodedLen: most })],
  ['data from beyond its end', 'refused', encoded({ unencodedOffset: most })],
  ['data of more bytes than it is', 'refused', encoded({ unencodedFileLen: most })],
  ['data compressed by what is not known', 'refused', encoded({ compression: 99 })],
  ['data that is encrypted', 'refused', encoded({ encryption: 1 })],
  [
    'room for 2^64 - 1 bytes',
    'refused',
    { type: 'FALLOCATE', path: f, fallocateMode: 0, fileOffset: 0n, size: most },
  ],
  [
    'room taken in a way that is not known',
    'refused',
    { type: 'FALLOCATE', path: f, fallocateMode: 0x7fffffff, fileOffset: 0n, size: 1n },
  ],
  [
    'a time of 2^32 - 1 nanoseconds',
    'refused',
    { type: 'UTIMES', path: f, atime: { sec: 0n, nsec: 2 ** 32 - 1 }, mtime: time, ctime: time },
  ],
  [
    'a time before all time',
    'received',
    { type: 'UTIMES', path: f, atime: { sec: -(2n ** 63n), nsec: 0 }, mtime: time, ctime: time },
  ],
  ['a mode of 64 bits', 'received', { type: 'CHMOD', path: f, mode: most }],
  ['a file made twice', 'received', mkfile('f')],
  ['a link made twice', 'refused', symlink('l', 'x'), symlink('l', 'x')],
  ['a directory that is removed, and is none', 'refused', { type: 'RMDIR', path: f }],
  [
    'an xattr of a namespace that there is not',
    'refused',
    { type: 'SET_XATTR', path: f, xattrName: bytes('no.such'), xattrData: bytes('x') },
  ],
];

describeReal('a value that no filesystem has:', () => {
  let fs: Btrfs;
  beforeAll(() => {
    fs = withBtrfs();
  });
  afterAll(() => fs.remove());

  test.each(values.map(([name, outcome, ...inner], at) => ({ name, outcome, inner, at })))(
    '$name is $outcome',
    async ({ name, outcome, inner, at }) => {
      const into = fs.at(name.replaceAll('/', '_'));
      mkdirSync(into);
      const uuid = `b0161b76-a3b6-9843-9f8f-${String(at).padStart(12, '0')}`;
      const own = { ...subvol, uuid } as CommandBody;
      const body = inner.map((command) =>
        command.type === 'CLONE' && command.cloneUuid === itself
          ? { ...command, cloneUuid: uuid }
          : command,
      );
      const archive = withDirectory();
      forge(archive, streamOf(2, [own, mkfile('f'), ...body, end]));
      const ended = await importInto(archive, into);
      const codes = ended.failures.map((failure) => failure.code);
      if (outcome === 'received') expect([ended.exit, ...codes]).toEqual([exit.done]);
      else expect(codes.join(), ended.lines.join('\n')).toMatch(/^(receive-failed|no-space)$/);
      expect(readdirSync(into)).toEqual(outcome === 'received' ? ['s'] : []);
      expect((await verify(archive)).exit).toBe(exit.done);
      tally('odd values in streams, received or refused without a trace', 1);
    },
  );
});
