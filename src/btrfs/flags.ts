import { closeSync, constants, openSync } from 'node:fs';
import { request } from './ioctl.ts';

/** FS_IOC_GETFLAGS, and FS_NOCOW_FL of its result (linux/fs.h). */
const GETFLAGS = 0x80086601;
const NOCOW = 0x00800000;

/**
 * Reports whether btrfs writes a file in place, without checksums (chattr +C). It blocks.
 *
 * @throws the system error with its code
 */
export function hasNoChecksums(path: Buffer): boolean {
  const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NOATIME);
  try {
    const flags = Buffer.alloc(8);
    request(file, GETFLAGS, flags);
    return (flags.readUInt32LE(0) & NOCOW) !== 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTTY') return false;
    throw error;
  } finally {
    closeSync(file);
  }
}
