import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { isSystemError, systemFailure } from '../failure/system.ts';
import { type Path, pathBytes } from '../names/path.ts';
import { printable } from '../names/printable.ts';
import { type Standing, standingOf } from '../names/standing.ts';
import type { SubvolumeInfo } from './subvolume-info.ts';
import { searchTree } from './tree-search.ts';

/** A standing that was looked at until it is certain. */
export type CertainStanding = Exclude<Standing, 'undecided'>;

/**
 * How a subvolume stands to its UUID; looks at its files where what btrfs records leaves it open.
 * The filesystem must have been synced before `info` was asked for: the ctransid shows a change of
 * data only once that is written. Needs root.
 *
 * @param path anywhere on its filesystem
 * @throws {Failure} `storage-failed`; the reason of `signal`.
 */
export async function lookAtStanding(
  path: Path,
  info: SubvolumeInfo,
  signal?: AbortSignal,
): Promise<CertainStanding> {
  const standing = standingOf(info);
  if (standing !== 'undecided') return standing;
  return (await changedSinceReceived(path, info, signal)) ? 'changed' : 'genuine';
}

/** INODE_ITEM, and object ids of files: linux/btrfs_tree.h. */
const INODE_ITEM = 1;
const FILES = [256n, 0xffff_ffff_ffff_ff00n] as const;
/** Where the ctime lies in struct btrfs_inode_item: u64 seconds, u32 nanoseconds. */
const CTIME = 124;

/** Items looked at between two chances for signals. */
const AT_ONCE = 10_000;

/**
 * Whether any file or directory of a subvolume was changed after it was received. Every change
 * sets the ctime of a file, or of the directory that a file is gone from, and nobody can set it
 * back; the kernel's late writing of received data leaves it alone. Only the part of the tree that
 * was written after the receive is read, as the disk has it: what is in memory alone is no change,
 * such as the ctime that a rename gives to the subvolume. A clock that was set back in between
 * would hide a change.
 */
async function changedSinceReceived(
  path: Path,
  { id, receiveTransid, receivedAt }: SubvolumeInfo,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  try {
    const handle = await open(pathBytes(path), constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const range = {
        objectid: FILES,
        type: [INODE_ITEM, INODE_ITEM],
        writtenSince: receiveTransid + 1n,
      } as const;
      let looked = 0;
      for (const { data } of searchTree(handle.fd, BigInt(id), range)) {
        const seconds = data.readBigUInt64LE(CTIME);
        if (seconds * 1_000_000_000n + BigInt(data.readUInt32LE(CTIME + 8)) > receivedAt) {
          return true;
        }
        if (++looked % AT_ONCE === 0) await setImmediate();
        signal?.throwIfAborted();
      }
      return false;
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!isSystemError(error)) throw error;
    const doing = 'cannot look for changes in';
    throw systemFailure(error, { code: 'storage-failed', doing, path: printable(path) });
  }
}
