import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { isSystemError, systemFailure } from '../failure/system.ts';
import { type Path, pathBytes } from '../names/path.ts';
import { printable } from '../names/printable.ts';
import { type Standing, standingOf } from '../names/standing.ts';
import type { SubvolumeInfo } from './subvolume-info.ts';
import { searchTree } from './tree-search.ts';

/** A standing that is certain. */
export type CertainStanding = Exclude<Standing, 'undecided'>;

/**
 * Decides the standing of a subvolume, by its files if the records of btrfs do not decide it. The
 * caller must have synced the filesystem before it got `info`, because a change of data shows in
 * the ctransid only when it is written. Needs root.
 *
 * @param path anywhere on its filesystem
 * @throws {Failure} `storage-failed`; the reason of `signal`
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
/** Offset of the ctime in struct btrfs_inode_item: u64 seconds, u32 nanoseconds. */
const CTIME = 124;

/** Items to examine before signals get a chance. */
const AT_ONCE = 10_000;

/**
 * Reports whether a file or directory of a subvolume was changed after it was received. Every
 * change sets the ctime of a file, or of the directory that a file was removed from, and nobody can
 * set it back. The kernel's delayed writing of received data leaves it alone. Reads only the part
 * of the tree that was written after the receive, as it is on disk: a change in memory alone, such
 * as the ctime that a rename gives the subvolume, does not count. A clock that was set back in
 * between would hide a change, and so would one whose tick, up to 10 ms, has not passed.
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
