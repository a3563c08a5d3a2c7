import { filesystemAt } from '../../btrfs/filesystem.ts';
import { type Place, placeOf } from '../../btrfs/mounts.ts';
import { infoAt } from '../../btrfs/subvolume.ts';
import { Failure } from '../../failure/failure.ts';
import { kindOf } from '../../store/location.ts';
import { unmounted } from '../unmounted.ts';

/** The place of an archive, which need not exist yet. */
export interface Medium {
  readonly place: Place;
  /** UUIDs of its filesystem and subvolume; undefined if it is not on btrfs. */
  readonly btrfs: { readonly filesystem: string; readonly subvolume: string } | undefined;
}

/** A snapshot to export. */
export interface Exported {
  readonly path: string;
  readonly uuid: string;
  /** UUID of the subvolume that it is a snapshot of. */
  readonly parentUuid: string | null;
}

/** Filesystems in memory. They are lost when the machine stops. */
const IN_MEMORY = ['tmpfs', 'ramfs', 'devtmpfs'];

/** Examines the place of an archive. */
export async function mediumOf(location: string): Promise<Medium> {
  const place = await placeOf(location);
  const { existing, mount } = place;
  if (mount?.fsType !== 'btrfs') return { place, btrfs: undefined };
  const { uuid: filesystem } = await filesystemAt(existing);
  const { uuid: subvolume } = await infoAt(existing);
  return { place, btrfs: { filesystem, subvolume } };
}

/**
 * Refuses a place that cannot hold an archive, before anything is written there.
 *
 * @throws {Failure} `archive-unfit`
 */
export async function assertFit(location: string, create: boolean): Promise<void> {
  if (kindOf(location) === 'object store') return;
  const failure = unfit({ place: await placeOf(location), btrfs: undefined }, [], create);
  if (failure !== undefined) throw failure;
}

/**
 * Returns the reason why an archive must not be in a place; undefined if it may be.
 *
 * @param create allow a place in memory, or where no drive is mounted
 */
export function unfit(
  { place, btrfs }: Medium,
  exported: readonly Exported[],
  create: boolean,
): Failure | undefined {
  const { path, mount } = place;
  const failure = (message: string, hint: string) =>
    new Failure('archive-unfit', message, { hint, where: { path } });
  for (const snapshot of btrfs === undefined ? [] : exported) {
    const elsewhere = 'name a directory elsewhere';
    if (btrfs?.subvolume === snapshot.uuid) {
      return failure(`${path} lies in ${snapshot.path}, which is to be exported`, elsewhere);
    }
    if (btrfs?.subvolume === snapshot.parentUuid) {
      return failure(
        `${path} lies in the subvolume that ${snapshot.path} is a snapshot of`,
        `${elsewhere}: the next snapshot would hold the archive`,
      );
    }
  }
  if (mount?.readOnly) {
    return failure(
      `cannot write ${path}: the filesystem is mounted read-only`,
      'remount it read-write; a filesystem that turned read-only by itself needs a check',
    );
  }
  if (create) return undefined;
  const reason = unmounted(place);
  if (reason !== undefined) {
    return failure(reason, 'mount it; or add --create to use this place');
  }
  if (mount === undefined || !IN_MEMORY.includes(mount.fsType)) return undefined;
  return failure(
    `${path} lies in memory (${mount.fsType}), and is lost when the machine stops`,
    'name a directory on a drive; or add --create to use this place',
  );
}
