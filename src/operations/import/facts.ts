import { readdir } from 'node:fs/promises';
import type { StoredStream } from '../../archive/catalog.ts';
import type { Filesystem } from '../../btrfs/filesystem.ts';
import { announcedIdentity } from '../../btrfs/identity.ts';
import { mountOf } from '../../btrfs/mounts.ts';
import {
  isSubvolume,
  listSubvolumes,
  reachablePath,
  type Subvolume,
  sendTransid,
} from '../../btrfs/subvolume.ts';
import { isAbsence } from '../../failure/system.ts';
import { textFromBytes } from '../../manifest/text.ts';
import type { DestinationSubvolume } from './destination.ts';
import { isIncomingName } from './temporary.ts';

/** What the destination has, as the plan wants it; half-received subvolumes of ours left out. */
export interface DestinationFacts {
  /** UUID; undefined for a destination that isn't named, and has nothing. */
  readonly filesystem: string | undefined;
  readonly subvolumes: readonly DestinationSubvolume[];
  /** Names in the directory to import into. */
  readonly taken: readonly Buffer[];
}

export async function destinationFacts(
  into: string,
  filesystem: Filesystem,
  streams: readonly StoredStream[],
  signal: AbortSignal,
): Promise<DestinationFacts> {
  // Only those that a stream brings or builds on are looked at: it takes processes.
  const named = new Set(streams.flatMap((s) => [s.uuid, ...s.requires.map((r) => r.uuid)]));
  const listed = (await listSubvolumes(into)).filter((s) => !isIncomingName(lastComponent(s.path)));
  const subvolumes: DestinationSubvolume[] = [];
  for (const subvolume of listed) {
    const { uuid, receivedUuid, readOnly } = subvolume;
    const path = reachablePath(subvolume, filesystem.mount);
    const wanted = named.has(receivedUuid ?? uuid);
    const reachable = path !== null && (!wanted || (await leadsTo(path, subvolume, filesystem)));
    const state = { path: textFromBytes(subvolume.path), uuid, receivedUuid, readOnly, reachable };
    let ctransid: bigint | undefined;
    if (wanted && receivedUuid !== null) ctransid = await sendTransid(subvolume, into);
    else if (wanted && reachable && readOnly) {
      ctransid = (await announcedIdentity(path, { signal })).ctransid;
    }
    subvolumes.push({ ...state, ctransid: ctransid === undefined ? undefined : `${ctransid}` });
  }
  const names = await readdir(into, { encoding: 'buffer' });
  const taken = names.filter((name) => !isIncomingName(name));
  return { filesystem: filesystem.uuid, subvolumes, taken };
}

/** Whether a path leads to a subvolume, and not into another mount on the way. */
async function leadsTo(path: Buffer, { id }: Subvolume, { mount }: Filesystem): Promise<boolean> {
  const here = await mountOf(path).catch((error: unknown) => {
    if (isAbsence(error)) return undefined;
    throw error;
  });
  return here?.device === mount.device && (await isSubvolume(path, id));
}

function lastComponent(path: Subvolume['path']): Buffer {
  return path.subarray(path.lastIndexOf('/') + 1);
}
