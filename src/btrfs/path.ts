import { readlinkSync } from 'node:fs';
import { posix } from 'node:path';
import { printable as printableBytes } from '../sendstream/paths.ts';

/** A path as btrfs and Linux have it: bytes. A string stands for its UTF-8. */
export type Path = string | Buffer;

export function pathBytes(path: Path): Buffer {
  return typeof path === 'string' ? Buffer.from(path) : path;
}

/** `directory/name`, without doubling the slash of the root directory. */
export function joinPath(directory: Path, name: Path): Buffer {
  const above = pathBytes(directory);
  const slash = above.at(-1) === 0x2f ? '' : '/';
  return Buffer.concat([above, Buffer.from(slash), pathBytes(name)]);
}

/**
 * The path from the root directory, without `.`, `..` and doubled slashes; symbolic links stay as
 * they are. The current directory is asked for as bytes: `process.cwd()` knows only text.
 */
export function absolutePath(path: Path): Buffer {
  const typed = pathBytes(path).toString('latin1');
  const current = typed.startsWith('/') ? '/' : readlinkSync('/proc/self/cwd', 'latin1');
  return Buffer.from(posix.resolve(current, typed), 'latin1');
}

/** The path in one line for a message. */
export function printable(path: Path): string {
  return printableBytes(pathBytes(path));
}
