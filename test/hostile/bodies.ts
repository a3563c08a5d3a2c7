import type { CommandBody } from '../../src/sendstream/commands.ts';
import { bytes, end, other, own, streamOf, subvol } from '../sendstream/streams.ts';

/** Short ways to write commands, and streams of them. */

/** A full stream of version 2 with these commands between SUBVOL and END. */
export const full = (...inner: CommandBody[]) => streamOf(2, [subvol, ...inner, end]);

const time = { sec: 1n, nsec: 0 };
const p = bytes;

export const mkfile = (path: string): CommandBody => ({ type: 'MKFILE', path: p(path), ino: 257n });
export const mkdir = (path: string): CommandBody => ({ type: 'MKDIR', path: p(path), ino: 258n });
export const symlink = (path: string, to: string): CommandBody => ({
  type: 'SYMLINK',
  path: p(path),
  ino: 259n,
  pathLink: p(to),
});
export const write = (path: string, data: Uint8Array = p('pwned')): CommandBody => ({
  type: 'WRITE',
  path: p(path),
  fileOffset: 0n,
  data,
});
export const rename = (path: string, to: string): CommandBody => ({
  type: 'RENAME',
  path: p(path),
  pathTo: p(to),
});
/** LINK: `path` becomes another name of `to`. */
export const link = (path: string, to: string): CommandBody => ({
  type: 'LINK',
  path: p(path),
  pathLink: p(to),
});
export const unlink = (path: string): CommandBody => ({ type: 'UNLINK', path: p(path) });
export const clone = (path: string, from: string, uuid = own): CommandBody => ({
  type: 'CLONE',
  fileOffset: 0n,
  cloneLen: 4096n,
  path: p(path),
  cloneUuid: uuid,
  cloneCtransid: uuid === own ? 7n : 5n,
  clonePath: p(from),
  cloneOffset: 0n,
});
export const snapshot = (
  change: Partial<CommandBody & { type: 'SNAPSHOT' }> = {},
): CommandBody => ({
  type: 'SNAPSHOT',
  path: p('s'),
  uuid: own,
  ctransid: 7n,
  cloneUuid: other,
  cloneCtransid: 5n,
  ...change,
});

/** Every kind of command that names a path, naming this one. */
export function eachNaming(path: string): CommandBody[] {
  return [
    mkfile(path),
    mkdir(path),
    { type: 'MKNOD', path: p(path), ino: 260n, mode: 0o20666n, rdev: 0x103n },
    { type: 'MKFIFO', path: p(path), ino: 261n, mode: 0n, rdev: 0n },
    { type: 'MKSOCK', path: p(path), ino: 262n, mode: 0n, rdev: 0n },
    symlink(path, 'x'),
    rename(path, 'x'),
    rename('f', path),
    link(path, 'f'),
    link('x', path),
    unlink(path),
    { type: 'RMDIR', path: p(path) },
    { type: 'SET_XATTR', path: p(path), xattrName: p('user.x'), xattrData: p('y') },
    { type: 'REMOVE_XATTR', path: p(path), xattrName: p('user.x') },
    write(path),
    clone(path, 'f'),
    clone('x', path),
    { type: 'TRUNCATE', path: p(path), size: 0n },
    { type: 'CHMOD', path: p(path), mode: 0o4777n },
    { type: 'CHOWN', path: p(path), uid: 1000n, gid: 1000n },
    { type: 'UTIMES', path: p(path), atime: time, mtime: time, ctime: time },
    { type: 'UPDATE_EXTENT', path: p(path), fileOffset: 0n, size: 1n },
    { type: 'FALLOCATE', path: p(path), fallocateMode: 0, fileOffset: 0n, size: 4096n },
    { type: 'FILEATTR', path: p(path), fileattr: 1n },
    {
      type: 'ENCODED_WRITE',
      path: p(path),
      fileOffset: 0n,
      unencodedFileLen: 4096n,
      unencodedLen: 4096n,
      unencodedOffset: 0n,
      compression: 2,
      data: p('not zstd'),
    },
  ];
}
