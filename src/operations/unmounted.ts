import type { Place } from '../btrfs/mounts.ts';

/** Where drives get mounted; other filesystems than theirs lie here below an empty mount point. */
const MOUNT_PLACES = /^\/(media|mnt|run\/media)\//;

/**
 * Says why a place looks as if it belonged on a drive that is not mounted; undefined where it does
 * not look so.
 */
export function unmounted({ path, real, mount, rootDevice, runDevice }: Place): string | undefined {
  if (mount === undefined) return undefined;
  const below = (places: RegExp) => [path, real].some((each) => places.test(`${each}/`));
  const on = (filesystem: string) => `${path} lies on ${filesystem}: is the drive mounted?`;
  if (below(MOUNT_PLACES) && mount.device === rootDevice) return on('the root filesystem');
  if (below(/^\/run\/media\//) && mount.device === runDevice) return on('the filesystem of /run');
  return undefined;
}
