import { closeSync, constants, openSync } from 'node:fs';
import { type Path, pathBytes } from '../names/path.ts';
import { mountOf } from './mounts.ts';
import { searchTree } from './tree-search.ts';

/** Flags of an inode that decide what a stream can do with it. */
export interface InodeFlags {
  /** Btrfs keeps no checksums of a file, or, of a directory, of files that are made in it. */
  readonly nocow: boolean;
  /** Not even root may change it: chattr +i or +a, or fs-verity. */
  readonly immutable: boolean;
}

/** Reads flags of the inodes of one subvolume. */
export interface FlagReader {
  /** The filesystem is mounted so that no new file gets checksums (nodatasum, nodatacow). */
  readonly mountedWithout: boolean;
  /** @throws the system error */
  of(inode: bigint): InodeFlags;
  close(): void;
}

/** INODE_ITEM, the offset of its flags, and some of these: linux/btrfs_tree.h. */
const INODE_ITEM = 1;
const FLAGS = 64;
const NODATASUM = 1n;
const NODATACOW = 2n;
/** BTRFS_INODE_IMMUTABLE, BTRFS_INODE_APPEND, and BTRFS_INODE_RO_VERITY in the upper half. */
const IMMUTABLE = (1n << 6n) | (1n << 7n) | (1n << 32n);
/** Bytes of a buffer for one INODE_ITEM. */
const ROOM = 1024;

const none: InodeFlags = { nocow: false, immutable: false };

/**
 * Opens a subvolume to read flags, as they are on disk. FS_IOC_GETFLAGS does not show a file without
 * checksums that was written while the filesystem was mounted with nodatasum. On another filesystem
 * than btrfs there are none. Needs root.
 *
 * @throws the system error with its code
 */
export async function flagsIn(top: Path): Promise<FlagReader> {
  const { options } = await mountOf(top);
  const file = openSync(pathBytes(top), constants.O_RDONLY | constants.O_NONBLOCK);
  let known = true;
  return {
    mountedWithout: options.includes('nodatasum') || options.includes('nodatacow'),
    of(inode) {
      const range = { objectid: [inode, inode], type: [INODE_ITEM, INODE_ITEM] } as const;
      try {
        for (const { data } of known ? searchTree(file, 0n, range, ROOM) : []) {
          const flags = data.readBigUInt64LE(FLAGS);
          const nocow = (flags & (NODATASUM | NODATACOW)) !== 0n;
          return { nocow, immutable: (flags & IMMUTABLE) !== 0n };
        }
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOTTY') throw error;
        known = false;
      }
      return none;
    },
    close: () => closeSync(file),
  };
}
