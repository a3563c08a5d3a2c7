import { readlinkSync } from 'node:fs';
import { posix } from 'node:path';

/** A path as Linux defines it: bytes. A string stands for its UTF-8. */
export type Path = string | Buffer;

export function pathBytes(path: Path): Buffer {
  return typeof path === 'string' ? Buffer.from(path) : path;
}

/** `directory/name`; the slash of the root directory is not doubled. */
export function joinPath(directory: Path, name: Path): Buffer {
  const above = pathBytes(directory);
  const slash = above.at(-1) === 0x2f ? '' : '/';
  return Buffer.concat([above, Buffer.from(slash), pathBytes(name)]);
}

/**
 * The path from the root directory, without `.`, `..` and doubled slashes. Symbolic links are not
 * resolved. /proc gives the current directory as bytes; `process.cwd()` would decode it.
 */
export function absolutePath(path: Path): Buffer {
  const typed = pathBytes(path).toString('latin1');
  const current = typed.startsWith('/') ? '/' : readlinkSync('/proc/self/cwd', 'latin1');
  return Buffer.from(posix.resolve(current, typed), 'latin1');
}
