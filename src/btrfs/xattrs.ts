/** Extended attributes of a file itself, not of what a symbolic link leads to: listxattr(2). */
import { getSystemErrorName } from 'node:util';
import koffi from 'koffi';

const libc = koffi.load(null);
const list = libc.func('long llistxattr(const uint8_t *, _Out_ uint8_t *, size_t)') as (
  path: Uint8Array,
  into: Uint8Array,
  size: number,
) => number;
const get = libc.func(
  'long lgetxattr(const uint8_t *, const uint8_t *, _Out_ uint8_t *, size_t)',
) as (path: Uint8Array, name: Uint8Array, into: Uint8Array, size: number) => number;

/** An extended attribute. */
export interface Xattr {
  readonly name: Buffer;
  readonly value: Buffer;
}

/** XATTR_LIST_MAX and XATTR_SIZE_MAX of linux/limits.h: the limits of all names, and of one value. */
const MOST = 65536;
const END = Buffer.alloc(1);

/** Where the kernel writes to. Each thread has its own. */
const into = Buffer.alloc(MOST);

/**
 * Reads all extended attributes of a file, sorted by name. It blocks.
 *
 * @throws the system error with its code
 */
export function xattrsOf(path: Uint8Array): Xattr[] {
  const file = Buffer.concat([path, END]);
  const length = succeeded(list(file, into, MOST), 'llistxattr');
  if (length === 0) return [];
  const names = Buffer.from(into.subarray(0, length - 1))
    .toString('latin1')
    .split('\0')
    .sort();
  return names.map((text) => {
    const name = Buffer.from(text, 'latin1');
    const size = succeeded(get(file, Buffer.concat([name, END]), into, MOST), 'lgetxattr');
    return { name, value: Buffer.from(into.subarray(0, size)) };
  });
}

function succeeded(result: number, syscall: string): number {
  if (result >= 0) return result;
  const errno = koffi.errno();
  const code = getSystemErrorName(-errno);
  throw Object.assign(new Error(`${code}: ${syscall}`), { errno: -errno, code, syscall });
}
