/**
 * Requests that only an ioctl(2) answers. btrfs-progs prints neither the ctransid of a subvolume
 * nor its times in full, and does not say which subvolume `btrfs receive` takes for a UUID.
 *
 * Numbers: linux/btrfs.h, for architectures whose ioctl numbers are those of asm-generic (x86,
 * ARM, RISC-V).
 */
import { getSystemErrorName } from 'node:util';
import koffi from 'koffi';

const ioctl = koffi.load(null).func('int ioctl(int, unsigned long, _Inout_ uint8_t *)') as (
  file: number,
  request: number,
  argument: Uint8Array,
) => number;

/**
 * Makes one request of an open file. It blocks, so it is for requests that memory answers.
 *
 * @param argument what the request reads and writes; the kernel knows its length by the number
 * @throws the system error with its code, such as `ENOTTY` where the file isn't on btrfs.
 */
export function request(file: number, number: number, argument: Buffer): void {
  if (ioctl(file, number, argument) >= 0) return;
  const errno = koffi.errno();
  const code = getSystemErrorName(-errno);
  throw Object.assign(new Error(`${code}: ioctl`), { errno: -errno, code, syscall: 'ioctl' });
}

const FIONREAD = 0x541b;

/** Bytes in a pipe that nobody has read yet, asked at either of its ends. Source: pipe(7). */
export function bytesInPipe(file: number): number {
  const count = Buffer.alloc(4);
  request(file, FIONREAD, count);
  return count.readInt32LE(0);
}
