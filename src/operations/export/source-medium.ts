import type { Warning } from '../../events/warning.ts';
import type { Exported, Medium } from '../archives/medium.ts';
import type { SourceFacts } from './facts.ts';

/** The snapshots that are exported, with the subvolumes that they are snapshots of. */
export function exportedOf({ asked, filesystems }: SourceFacts): Exported[] {
  const parents = new Map(
    filesystems.flatMap(({ subvolumes }) => subvolumes.map((s) => [s.uuid, s.parentUuid])),
  );
  return asked.map(({ path, uuid }) => ({ path, uuid, parentUuid: parents.get(uuid) ?? null }));
}

/** An archive on the filesystem of the source is no second copy. */
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
