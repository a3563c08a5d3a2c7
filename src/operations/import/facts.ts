import { readdir } from 'node:fs/promises';
import type { GraphStream } from '../../archive/graph/graph.ts';
import { syncFilesystem } from '../../btrfs/change.ts';
import type { Filesystem } from '../../btrfs/filesystem.ts';
import { mountOf } from '../../btrfs/mounts.ts';
import { lookAtStanding } from '../../btrfs/standing.ts';
import {
  infoAt,
  isSubvolume,
  listSubvolumes,
  reachablePath,
  type Subvolume,
  takenByReceive,
} from '../../btrfs/subvolume.ts';
import { isAbsence } from '../../failure/system.ts';
import { byteString } from '../../names/byte-string.ts';
import { announcedUuid, stateOf } from '../../names/identity.ts';
import { standingOf } from '../../names/standing.ts';
import type { StateRecord } from '../../names/state.ts';
import type { DestinationSubvolume } from './destination.ts';
import { isTemporaryName } from './temporary.ts';

/** The facts about a destination that a plan needs. */
export interface DestinationFacts {
  /** UUID; undefined if no destination was named: then it is taken to be empty. */
  readonly filesystem: string | undefined;
  /** The subvolumes that bear a UUID which a stream brings or builds on. */
  readonly subvolumes: readonly DestinationSubvolume[];
  /** Names that are in use in the directory to import into. */
  readonly taken: readonly Buffer[];
  /** The states that it had by its receipts. Those that it lacks now were removed there. */
  readonly earlier: readonly StateRecord[];
}

export async function destinationFacts(
  into: string,
  filesystem: Filesystem,
  streams: readonly GraphStream[],
  signal: AbortSignal,
): Promise<Omit<DestinationFacts, 'earlier'>> {
  await syncFilesystem(into);
  const named = new Set(streams.flatMap((s) => [s.uuid, ...s.requires.map((r) => r.uuid)]));
  const listed = await listSubvolumes(into);
  const bearing = listed.filter((subvolume) => named.has(announcedUuid(subvolume)));
  const taken = await takenByReceive(into, bearing.map(announcedUuid));
  const subvolumes: DestinationSubvolume[] = [];
  for (const subvolume of bearing) {
    const seen = await lookAt(subvolume, filesystem, signal);
    const isTaken = taken.get(seen.state.uuid) === subvolume.id;
    subvolumes.push({ ...seen, taken: isTaken });
  }
  const names = await readdir(into, { encoding: 'buffer' });
  const used = names.filter((name) => !isTemporaryName(name));
  return { filesystem: filesystem.uuid, subvolumes, taken: used };
}

async function lookAt(
  listed: Subvolume,
  filesystem: Filesystem,
  signal: AbortSignal,
): Promise<Omit<DestinationSubvolume, 'taken'>> {
  const path = byteString(listed.path);
  const place = reachablePath(listed, filesystem.mount);
  if (place !== null && (await leadsTo(place, listed, filesystem))) {
    // The list is as of the last commit, and this is as of now.
    const info = await infoAt(place);
    const standing = await lookAtStanding(place, info, signal);
    const state = stateOf(filesystem.uuid, info);
    return { path, uuid: info.uuid, state, standing, reachable: true };
  }
  const recorded = standingOf(listed);
  const standing = recorded === 'undecided' ? 'unknown' : recorded;
  const state = stateOf(filesystem.uuid, listed);
  return { path, uuid: listed.uuid, state, standing, reachable: false };
}

/** Whether a path leads to a subvolume. Another mount on the way could hide it. */
async function leadsTo(path: Buffer, { id }: Subvolume, { mount }: Filesystem): Promise<boolean> {
  const here = await mountOf(path).catch((error: unknown) => {
    if (isAbsence(error)) return undefined;
    throw error;
  });
  return here?.device === mount.device && (await isSubvolume(path, id));
}
