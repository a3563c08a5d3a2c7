import { filesystemAt } from '../../btrfs/filesystem.ts';
import { type Place, placeOf } from '../../btrfs/mounts.ts';
import { subvolumeAround } from '../../btrfs/subvolume.ts';
import { Failure } from '../../failure/failure.ts';
import type { Warning } from '../event.ts';
import { unmounted } from '../unmounted.ts';
import type { SourceFacts } from './facts.ts';

/** What an archive lies on, or would lie on. */
export interface Medium {
  readonly place: Place;
  /** UUIDs of the filesystem and the subvolume, of a btrfs. */
  readonly btrfs: { readonly filesystem: string; readonly subvolume: string } | undefined;
}

/** A snapshot that is to be exported. */
export interface Exported {
  readonly path: string;
  readonly uuid: string;
  /** UUID of the subvolume that it is a snapshot of. */
  readonly parentUuid: string | null;
}

/** What it holds is gone when the machine stops. */
const IN_MEMORY = ['tmpfs', 'ramfs', 'devtmpfs'];

export async function mediumOf(location: string): Promise<Medium> {
  const place = await placeOf(location);
  const { existing, mount } = place;
  if (mount.fsType !== 'btrfs') return { place, btrfs: undefined };
  const { uuid: filesystem } = await filesystemAt(existing);
  return { place, btrfs: { filesystem, subvolume: await subvolumeAround(existing) } };
}

export function exportedOf({ asked, filesystems }: SourceFacts): Exported[] {
  const parents = new Map(
    filesystems.flatMap(({ subvolumes }) => subvolumes.map((s) => [s.uuid, s.parentUuid])),
  );
  return asked.map(({ path, uuid }) => ({ path, uuid, parentUuid: parents.get(uuid) ?? null }));
}

/** Why no archive can lie there. `create`: a place that no drive is mounted on is meant. */
export function unfit(
  { place, btrfs }: Medium,
  exported: readonly Exported[],
  create: boolean,
): Failure | undefined {
  const { path, mount } = place;
  const failure = (message: string, hint: string) =>
    new Failure('archive-unfit', message, { hint, where: { path, found: mount.fsType } });
  for (const snapshot of btrfs === undefined ? [] : exported) {
    if (btrfs?.subvolume === snapshot.uuid) {
      const message = `${path} lies in ${snapshot.path}, which is to be exported`;
      return failure(message, 'name a directory elsewhere');
    }
    if (btrfs?.subvolume === snapshot.parentUuid) {
      const message = `${path} lies in the subvolume that ${snapshot.path} is a snapshot of`;
      return failure(
        message,
        'name a directory elsewhere: the next snapshot would hold the archive',
      );
    }
  }
  if (create) return undefined;
  const reason = unmounted(place);
  if (reason !== undefined)
    return failure(reason, 'mount it; or, if this place is meant, add --create');
  if (!IN_MEMORY.includes(mount.fsType)) return undefined;
  return failure(
    `${path} lies in memory (${mount.fsType}), and is lost when the machine stops`,
    'name a directory on a drive; or, if this place is meant, add --create',
  );
}

/** What does not help where the source is lost. */
export function onSource(
  { place, btrfs }: Medium,
  { filesystems }: SourceFacts,
): Warning | undefined {
  if (!filesystems.some(({ uuid }) => uuid === btrfs?.filesystem)) return undefined;
  return {
    type: 'warning',
    code: 'same-filesystem',
    message: `${place.path} lies on the filesystem of the snapshots, and is lost with it`,
    hint: 'copy the archive to a drive, or export to one',
  };
}
