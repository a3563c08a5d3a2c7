import { lstatSync, readdirSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { isSystemError, systemFailure } from '../failure/system.ts';
import { type Standing, standingOf } from '../names/standing.ts';
import { joinPath, type Path, pathBytes, printable } from './path.ts';
import type { SubvolumeInfo } from './subvolume-info.ts';

/** A standing that was looked at until it is certain. */
export type CertainStanding = Exclude<Standing, 'undecided'>;

/**
 * How a subvolume stands to its UUID; looks at its files where what btrfs records leaves it open.
 * The filesystem must have been synced before `info` was asked for: the ctransid shows a change of
 * data only once that is written.
 *
 * @param path where it can be reached
 * @throws {Failure} `storage-failed`; the reason of `signal`.
 */
export async function lookAtStanding(
  path: Path,
  info: SubvolumeInfo,
  signal?: AbortSignal,
): Promise<CertainStanding> {
  const standing = standingOf(info);
  if (standing !== 'undecided') return standing;
  return (await changedSince(path, info.receivedAt, signal)) ? 'changed' : 'genuine';
}

/** Files looked at between two chances for signals. */
const AT_ONCE = 1000;

/**
 * Whether any file or directory of a subvolume was changed after `time`, in nanoseconds since
 * 1970. Every change sets the ctime of a file, or of the directory that a file is gone from, and
 * nobody can set it back; the kernel's late writing of received data leaves it alone. A clock that
 * was set back in between would hide a change.
 */
async function changedSince(
  top: Path,
  time: bigint,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  try {
    const { dev, ctimeNs } = lstatSync(top, { bigint: true });
    if (ctimeNs > time) return true;
    const directories = [pathBytes(top)];
    let looked = 0;
    for (let at = directories.pop(); at !== undefined; at = directories.pop()) {
      for (const entry of readdirSync(at, { withFileTypes: true, encoding: 'buffer' })) {
        const path = joinPath(at, entry.name);
        const found = lstatSync(path, { bigint: true });
        // Another filesystem may be mounted here; the place of a nested subvolume has no times.
        if (found.dev !== dev) continue;
        if (found.ctimeNs > time) return true;
        if (found.isDirectory()) directories.push(path);
        if (++looked % AT_ONCE === 0) await setImmediate();
        signal?.throwIfAborted();
      }
    }
    return false;
  } catch (error) {
    if (!isSystemError(error)) throw error;
    const doing = 'cannot look for changes in';
    throw systemFailure(error, { code: 'storage-failed', doing, path: printable(top) });
  }
}
