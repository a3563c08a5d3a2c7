import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Failure } from '../../src/failure/failure.ts';
import { printable } from '../../src/names/printable.ts';
import type { CommandBody } from '../../src/sendstream/commands.ts';
import { nameProblem, pathProblem } from '../../src/sendstream/paths.ts';
import * as streams from './streams.ts';
import { around, bytes, end, other, own, read, streamOf } from './streams.ts';

const bad: [string, RegExp][] = [
  ['..', /'\.\.'/],
  ['a/../b', /'\.\.'/],
  ['a/..', /'\.\.'/],
  ['.', /'\.'/],
  ['a/./b', /'\.'/],
  ['/etc/passwd', /absolute/],
  ['/', /absolute/],
  ['a//b', /empty component/],
  ['a/', /empty component/],
  ['a\0b', /NUL/],
  ['a/\0/../b', /NUL/],
  ['x'.repeat(256), /longer than 255/],
  ['x/'.repeat(2048), /longer than 4095/],
];

const t = { sec: 0n, nsec: 0 };
const p = bytes('fine');
const d = new Uint8Array(1);

/** Every place where a path stands that `btrfs receive` opens. */
const places: [string, (path: Uint8Array) => CommandBody][] = [
  ['MKFILE', (path) => ({ type: 'MKFILE', path, ino: 1n })],
  ['MKDIR', (path) => ({ type: 'MKDIR', path, ino: 1n })],
  ['MKNOD', (path) => ({ type: 'MKNOD', path, ino: 1n, rdev: 1n, mode: 1n })],
  ['MKFIFO', (path) => ({ type: 'MKFIFO', path, ino: 1n })],
  ['MKSOCK', (path) => ({ type: 'MKSOCK', path, ino: 1n })],
  ['SYMLINK', (path) => ({ type: 'SYMLINK', path, ino: 1n, pathLink: p })],
  ['RENAME from', (path) => ({ type: 'RENAME', path, pathTo: p })],
  ['RENAME to', (path) => ({ type: 'RENAME', path: p, pathTo: path })],
  ['LINK new', (path) => ({ type: 'LINK', path, pathLink: p })],
  ['LINK old', (path) => ({ type: 'LINK', path: p, pathLink: path })],
  ['UNLINK', (path) => ({ type: 'UNLINK', path })],
  ['RMDIR', (path) => ({ type: 'RMDIR', path })],
  ['WRITE', (path) => ({ type: 'WRITE', path, fileOffset: 0n, data: d })],
  ['CLONE', (path) => clone(path, p)],
  ['CLONE source', (path) => clone(p, path)],
  ['TRUNCATE', (path) => ({ type: 'TRUNCATE', path, size: 0n })],
  ['UPDATE_EXTENT', (path) => ({ type: 'UPDATE_EXTENT', path, fileOffset: 0n, size: 0n })],
  [
    'FALLOCATE',
    (path) => ({ type: 'FALLOCATE', path, fallocateMode: 0, fileOffset: 0n, size: 0n }),
  ],
  [
    'ENCODED_WRITE',
    (path) => ({
      type: 'ENCODED_WRITE',
      path,
      fileOffset: 0n,
      unencodedFileLen: 0n,
      unencodedLen: 0n,
      unencodedOffset: 0n,
      data: d,
    }),
  ],
];

/** Those where the subvolume itself may be meant, by the empty path. */
const rootPlaces: [string, (path: Uint8Array) => CommandBody][] = [
  ['SET_XATTR', (path) => ({ type: 'SET_XATTR', path, xattrName: p, xattrData: d })],
  ['REMOVE_XATTR', (path) => ({ type: 'REMOVE_XATTR', path, xattrName: p })],
  ['CHMOD', (path) => ({ type: 'CHMOD', path, mode: 0n })],
  ['CHOWN', (path) => ({ type: 'CHOWN', path, uid: 0n, gid: 0n })],
  ['UTIMES', (path) => ({ type: 'UTIMES', path, atime: t, mtime: t, ctime: t })],
  ['FILEATTR', (path) => ({ type: 'FILEATTR', path, fileattr: 0n })],
];

function clone(path: Uint8Array, clonePath: Uint8Array): CommandBody {
  const rest = { cloneUuid: other, cloneCtransid: 1n, cloneOffset: 0n, cloneLen: 1n };
  return { type: 'CLONE', path, clonePath, fileOffset: 0n, ...rest };
}

function failureOf(stream: Uint8Array): Failure {
  try {
    read([stream]);
  } catch (error) {
    return error as Failure;
  }
  throw new Error('was taken');
}

describe.each([...places, ...rootPlaces])('%s', (_, command) => {
  test('accepts a path inside the subvolume', () => {
    for (const path of ['a', 'a/b', '..a', 'a..', '...', 'a/.b', 'a\\b', 'x'.repeat(255)]) {
      expect(read([around(command(bytes(path)))]).commands).toHaveLength(3);
    }
  });

  test.each(bad)('refuses %j', (path, message) => {
    const failure = failureOf(around(command(bytes(path))));
    expect(failure.code).toBe('stream-unsafe-path');
    expect(failure.message).toMatch(message);
    expect(failure.message).toContain(command(p).type);
    expect(failure.where.offset).toBe(streamOf(2, [streams.subvol]).length);
  });

  test('is read if paths are not checked', () => {
    expect(read([around(command(bytes('../a')))], { checkPaths: false }).commands).toHaveLength(3);
  });
});

test.each(places)('%s refuses the empty path', (_, command) => {
  expect(failureOf(around(command(bytes('')))).message).toMatch(/is empty/);
});

test.each(rootPlaces)('%s accepts the empty path, which is the subvolume itself', (_, command) => {
  expect(read([around(command(bytes('')))]).commands).toHaveLength(3);
});

test('the name of the subvolume is one component', () => {
  const named = (name: string) =>
    streamOf(1, [{ type: 'SUBVOL', path: bytes(name), uuid: own, ctransid: 1n }, end]);
  for (const name of ['a b', '...', 'x'.repeat(255), 'b\\']) {
    expect(read([named(name)]).commands).toHaveLength(2);
  }
  for (const name of ['', 'a/b', '/a', 'a/', '.', '..', 'a\0', 'x'.repeat(256)]) {
    expect(failureOf(named(name)).code).toBe('stream-unsafe-path');
  }
});

test('the target of a symlink is any text', () => {
  const to = (target: string): CommandBody => ({
    type: 'SYMLINK',
    path: p,
    ino: 1n,
    pathLink: bytes(target),
  });
  for (const target of ['/etc/passwd', '../..', '.', 'a//b/', 'x'.repeat(4095)]) {
    expect(read([around(to(target))]).commands).toHaveLength(3);
  }
  for (const target of ['', 'a\0', 'x'.repeat(4096)]) {
    expect(failureOf(around(to(target))).message).toMatch(/target/);
  }
});

test('a path is valid exactly if the names between its slashes are', () => {
  const part = fc.constantFrom('', '.', '..', 'a', '...', '\0', 'x'.repeat(255), 'x'.repeat(256));
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 6 }), (parts) => {
      const fit = parts.every((one) => !['', '.', '..', '\0'].includes(one) && one.length < 256);
      const problem = pathProblem(bytes(parts.join('/')));
      expect(problem === undefined).toBe(fit);
      expect(nameProblem(bytes(parts.join('/'))) === undefined).toBe(fit && parts.length === 1);
    }),
  );
});

describe('printing a path', () => {
  test.each([
    ['plain/päth ☃ 𝄞', 'plain/päth ☃ 𝄞'],
    ['new\nline', 'new\\x0aline'],
    ['esc\x1b[31m', 'esc\\x1b[31m'],
    ['back\\slash', 'back\\\\slash'],
    ['\u0085 \u2028 \u202e', '\\xc2\\x85 \\xe2\\x80\\xa8 \\xe2\\x80\\xae'],
  ])('%j', (path, text) => {
    expect(printable(bytes(path))).toBe(text);
  });

  test('escapes bytes that are not UTF-8', () => {
    expect(printable(Uint8Array.of(0x61, 0xff, 0xc3, 0x28, 0xe2, 0x98))).toBe(
      'a\\xff\\xc3(\\xe2\\x98',
    );
    expect(printable(Uint8Array.of(0xed, 0xa0, 0x80))).toBe('\\xed\\xa0\\x80');
    expect(printable(Uint8Array.of(0xff, 0xc3, 0xa4))).toBe('\\xffä');
  });

  test('the bytes can be read out of the text again', () => {
    const tricky = fc.constantFrom(...'\\x0a\n\x1bä☃\u202e'.split(''), 'x').map((c) => bytes(c));
    const anything = fc.oneof(tricky, fc.uint8Array({ maxLength: 5 }));
    fc.assert(
      fc.property(fc.array(anything), (parts) => {
        const path = streams.concat(...parts);
        const text = printable(path);
        expect(text).not.toMatch(/\p{Cc}/u);
        const back = Buffer.from(text, 'utf8')
          .toString('latin1')
          .replaceAll(/\\(?:x(..)|\\)/g, (_, hex?: string) =>
            hex === undefined ? '\\' : String.fromCharCode(Number.parseInt(hex, 16)),
          );
        expect(Buffer.from(back, 'latin1')).toEqual(Buffer.from(path));
      }),
    );
  });
});
