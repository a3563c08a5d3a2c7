import { resolve } from 'node:path';
import { onRootDevice } from '../btrfs/mounts.ts';

/** Where drives get mounted; what lies here on the root filesystem lies in an empty mount point. */
const MOUNT_PLACES = /^\/(media|mnt|run\/media)\//;

/** Whether a path looks as if it belonged on a drive, and lies on the root filesystem instead. */
export async function seemsUnmounted(path: string): Promise<boolean> {
  return MOUNT_PLACES.test(`${resolve(path)}/`) && (await onRootDevice(path));
}
