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

/** The path in one line for a message: control bytes and bytes that are not UTF-8 as `\xNN`. */
export function printable(path: Path): string {
  const bytes = pathBytes(path);
  const text = bytes.toString();
  const source = Buffer.from(text).equals(bytes) ? text : bytes.toString('latin1');
  const strange = source === text ? /\p{Cc}/gu : /[^\x20-\x7e]/g;
  return source.replace(
    strange,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}
