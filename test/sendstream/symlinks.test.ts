import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Failure } from '../../src/failure/failure.ts';
import type { Command, CommandBody } from '../../src/sendstream/commands.ts';
import { SymlinkGuard } from '../../src/sendstream/symlinks.ts';
import { bytes, end, other, own, read, streamOf, subvol } from './streams.ts';

const symlink = (path: string): CommandBody => ({
  type: 'SYMLINK',
  path: bytes(path),
  ino: 1n,
  pathLink: bytes('/etc'),
});
const write = (path: string): CommandBody => ({
  type: 'WRITE',
  path: bytes(path),
  fileOffset: 0n,
  data: new Uint8Array(1),
});
const rename = (path: string, pathTo: string): CommandBody => ({
  type: 'RENAME',
  path: bytes(path),
  pathTo: bytes(pathTo),
});
const link = (path: string, pathLink: string): CommandBody => ({
  type: 'LINK',
  path: bytes(path),
  pathLink: bytes(pathLink),
});
const unlink = (path: string): CommandBody => ({ type: 'UNLINK', path: bytes(path) });
const mkfile = (path: string): CommandBody => ({ type: 'MKFILE', path: bytes(path), ino: 1n });
const chown = (path: string): CommandBody => ({
  type: 'CHOWN',
  path: bytes(path),
  uid: 0n,
  gid: 0n,
});
const clone = (path: string, clonePath: string, cloneUuid: string): CommandBody => ({
  type: 'CLONE',
  path: bytes(path),
  clonePath: bytes(clonePath),
  cloneUuid,
  cloneCtransid: 1n,
  cloneOffset: 0n,
  cloneLen: 1n,
  fileOffset: 0n,
});

function taken(...commands: CommandBody[]): boolean {
  return takes(() => read([streamOf(2, [subvol, ...commands, end])]));
}

function takes(action: () => void): boolean {
  try {
    action();
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(Failure);
    expect((error as Failure).code).toBe('stream-unsafe-path');
    expect((error as Failure).message).toMatch(/through a symlink/);
    return false;
  }
}

test('a command through a symlink is refused, whatever it does', () => {
  for (const command of [
    write('l/passwd'),
    mkfile('l/x'),
    unlink('l/x'),
    chown('l/x'),
    rename('l/x', 'y'),
    rename('y', 'l/x'),
    link('l/x', 'y'),
    link('y', 'l/x'),
    symlink('l/x'),
    clone('l/x', 'y', other),
    clone('y', 'l/x', own),
    write('l/deep/er'),
  ]) {
    expect(taken(symlink('l'), command)).toBe(false);
    expect(taken(symlink('k'), command)).toBe(true);
  }
});

test('a command that follows its last name is refused at the symlink itself, and others are accepted', () => {
  const size = { size: 0n } as const;
  const path = bytes('l');
  for (const command of [
    write('l'),
    mkfile('l'),
    clone('l', 'y', other),
    clone('y', 'l', own),
    { type: 'TRUNCATE', path, ...size },
    { type: 'CHMOD', path, mode: 0o777n },
    { type: 'FALLOCATE', path, fallocateMode: 0, fileOffset: 0n, ...size },
    {
      type: 'ENCODED_WRITE',
      path,
      fileOffset: 0n,
      unencodedFileLen: 1n,
      unencodedLen: 1n,
      unencodedOffset: 0n,
      data: path,
    },
  ] satisfies CommandBody[]) {
    expect(taken(symlink('l'), command)).toBe(false);
  }
  const time = { sec: 0n, nsec: 0 };
  for (const command of [
    chown('l'),
    unlink('l'),
    rename('l', 'm'),
    link('m', 'l'),
    { type: 'UTIMES', path, atime: time, mtime: time, ctime: time },
    { type: 'SET_XATTR', path, xattrName: bytes('security.x'), xattrData: path },
    { type: 'FILEATTR', path, fileattr: 0n },
  ] satisfies CommandBody[]) {
    expect(taken(symlink('l'), command)).toBe(true);
  }
});

test('a clone source in another subvolume is not checked against the symlinks of this one', () => {
  expect(taken(symlink('d'), clone('y', 'd/x', other))).toBe(true);
});

test('a symlink is known under its new name, after a rename of it or of a directory above it', () => {
  expect(taken(symlink('o1'), rename('o1', 'd/l'), write('o1/x'))).toBe(true);
  expect(taken(symlink('o1'), rename('o1', 'd/l'), write('d/l/x'))).toBe(false);
  expect(taken(symlink('a/b/l'), rename('a', 'c'), write('a/b/l/x'))).toBe(true);
  expect(taken(symlink('a/b/l'), rename('a', 'c'), write('c/b/l/x'))).toBe(false);
  expect(taken(symlink('a/b/l'), rename('a/b', 'c/d/e'), write('c/d/e/l/x'))).toBe(false);
});

test('a symlink is forgotten when it is removed or replaced', () => {
  expect(taken(symlink('a/l'), unlink('a/l'), write('a/l/x'))).toBe(true);
  expect(taken(symlink('a/l'), rename('f', 'a/l'), write('a/l'))).toBe(true);
  expect(taken(symlink('a/l'), symlink('a/k'), unlink('a/l'), write('a/k/x'))).toBe(false);
});

test('a hard link to a symlink is a symlink', () => {
  expect(taken(symlink('l'), link('h', 'l'), unlink('l'), write('h/x'))).toBe(false);
});

test('renaming one name of a symlink to another name of it moves neither', () => {
  expect(taken(symlink('l'), link('h', 'l'), rename('l', 'h'), write('l/x'))).toBe(false);
  expect(taken(symlink('l'), link('h', 'l'), rename('l', 'h'), write('h/x'))).toBe(false);
  expect(taken(symlink('l'), rename('l', 'l'), write('l/x'))).toBe(false);
});

test('agrees with a plain set of paths', () => {
  const path = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 3 });
  const step = fc.record({ kind: fc.constantFrom('symlink', 'rename', 'unlink'), path, to: path });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), path, (steps, probe) => {
      let links = new Set<string>();
      const below = (one: string, of: string) => one === of || one.startsWith(`${of}/`);
      const crosses = (one: string) =>
        one.split('/').some((_, i, names) => i > 0 && links.has(names.slice(0, i).join('/')));
      const commands: CommandBody[] = [];
      for (const { kind, path: names, to: toNames } of steps) {
        const from = names.join('/');
        const to = toNames.join('/');
        const stands = [...links].some((one) => below(one, from));
        if (crosses(from) || crosses(to)) continue;
        if (kind === 'symlink' && !stands) {
          commands.push(symlink(from));
          links.add(from);
        } else if (kind === 'unlink') {
          commands.push(unlink(from));
          links = new Set([...links].filter((one) => !below(one, from)));
        } else if (kind === 'rename' && !below(to, from) && !below(from, to)) {
          if (links.has(from) && links.has(to)) continue;
          commands.push(rename(from, to));
          links = new Set(
            [...links]
              .filter((one) => !below(one, to))
              .map((one) => (below(one, from) ? to + one.slice(from.length) : one)),
          );
        }
      }
      const target = probe.join('/');
      expect(taken(...commands, write(target))).toBe(!crosses(target) && !links.has(target));
    }),
    { numRuns: 2000 },
  );
});

test('accepts more symlinks than it remembers, and refuses paths through those that it does', () => {
  const guard = new SymlinkGuard(2000);
  const check = (body: CommandBody) =>
    takes(() => guard.check({ ...body, offset: 0, bytes: new Uint8Array() } as Command));
  for (let i = 0; i < 2500; i += 1) check(symlink(`d/l${i}`));
  expect(check(write('d/l1900/x'))).toBe(false);
  expect(check(write('d/l2499/x'))).toBe(true);

  for (let i = 0; i < 1900; i += 1) check(unlink(`d/l${i}`));
  expect(check(write('d/l1900/x'))).toBe(false);
  check(symlink('again'));
  expect(check(write('again/x'))).toBe(false);

  for (let i = 0; i < 2500; i += 1) check(symlink(`d/l${i}`));
  check(rename('f', 'd'));
  expect(check(write('d/l1900/x'))).toBe(true);
  for (let i = 0; i < 1900; i += 1) check(symlink(`e/l${i}`));
  expect(check(write('e/l1899/x'))).toBe(false);
});
