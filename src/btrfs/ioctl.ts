/**
 * Requests that only ioctl(2) answers. btrfs-progs does not print the ctransid of a subvolume nor
 * its exact times, and does not say which subvolume `btrfs receive` takes for a UUID.
 *
 * Numbers: linux/btrfs.h, for architectures with the ioctl numbers of asm-generic (x86, ARM,
 * RISC-V).
 */
import { getSystemErrorName } from 'node:util';
import koffi from 'koffi';

const ioctl = koffi.load(null).func('int ioctl(int, unsigned long, _Inout_ uint8_t *)') as (
  file: number,
  request: number,
  argument: Uint8Array,
) => number;

/**
 * Makes one request of an open file. It blocks, so use it only for requests that the kernel answers
 * from memory.
 *
 * @param argument bytes that the request reads and writes. The kernel knows their length by the
 *   number.
 * @throws the system error with its code, such as `ENOTTY` if the file is not on btrfs
 */
export function request(file: number, number: number, argument: Buffer): void {
  if (ioctl(file, number, argument) >= 0) return;
  const errno = koffi.errno();
  const code = getSystemErrorName(-errno);
  throw Object.assign(new Error(`${code}: ioctl`), { errno: -errno, code, syscall: 'ioctl' });
}

const FIONREAD = 0x541b;

/** Returns the number of unread bytes in a pipe, given either of its ends. Source: pipe(7). */
export function bytesInPipe(file: number): number {
  const count = Buffer.alloc(4);
  request(file, FIONREAD, count);
  return count.readInt32LE(0);
}
