import type { Place } from '../btrfs/mounts.ts';

/** Directories in which drives get mounted. An empty mount point lies on another filesystem. */
const MOUNT_PLACES = /^\/(media|mnt|run\/media)\//;

/** Returns the reason why a place seems to be on a drive that is not mounted; undefined if it does not. */
export function unmounted({ path, real, mount, rootDevice, runDevice }: Place): string | undefined {
  if (mount === undefined) return undefined;
  const below = (places: RegExp) => [path, real].some((each) => places.test(`${each}/`));
  const on = (filesystem: string) => `${path} lies on ${filesystem}: is the drive mounted?`;
  if (below(MOUNT_PLACES) && mount.device === rootDevice) return on('the root filesystem');
  if (below(/^\/run\/media\//) && mount.device === runDevice) return on('the filesystem of /run');
  return undefined;
}
