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

/** The path in one line for a message. */
export function printable(path: Path): string {
  return printableBytes(pathBytes(path));
}
