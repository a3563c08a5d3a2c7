import { readdir } from 'node:fs/promises';
import type { StoredStream } from '../../archive/catalog.ts';
import type { Filesystem } from '../../btrfs/filesystem.ts';
import {
  listSubvolumes,
  reachablePath,
  type ShownSubvolume,
  type Subvolume,
  showSubvolume,
} from '../../btrfs/subvolume.ts';
import { Failure } from '../../failure/failure.ts';
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
): Promise<DestinationFacts> {
  const required = new Set(streams.flatMap((s) => s.requires.map((r) => r.uuid)));
  const listed = (await listSubvolumes(into)).filter((s) => !isIncomingName(lastComponent(s.path)));
  const subvolumes: DestinationSubvolume[] = [];
  for (const subvolume of listed) {
    const path = reachablePath(subvolume, filesystem.mount);
    // Only those that a stream may build on are looked at: it takes processes.
    const wanted = required.has(subvolume.uuid) || required.has(subvolume.receivedUuid ?? '');
    const seen = wanted && path !== null ? await shownAt(path, subvolume.uuid) : undefined;
    subvolumes.push({
      path: textFromBytes(subvolume.path),
      uuid: subvolume.uuid,
      receivedUuid: subvolume.receivedUuid,
      ctransid: subvolume.receivedUuid === null ? undefined : seen && String(seen.sendTransid),
      readOnly: subvolume.readOnly,
      reachable: path !== null && (!wanted || seen !== undefined),
    });
  }
  const names = await readdir(into, { encoding: 'buffer' });
  const taken = names.filter((name) => !isIncomingName(name));
  return { filesystem: filesystem.uuid, subvolumes, taken };
}

/** The subvolume at a path; undefined where that leads elsewhere, into another mount on the way. */
async function shownAt(path: Buffer, uuid: string): Promise<ShownSubvolume | undefined> {
  try {
    const shown = await showSubvolume(path);
    return shown.uuid === uuid ? shown : undefined;
  } catch (error) {
    const elsewhere = ['not-found', 'not-btrfs', 'not-a-subvolume'];
    if (error instanceof Failure && elsewhere.includes(error.code)) return undefined;
    throw error;
  }
}

export async function sendTransid(path: Buffer): Promise<string> {
  return String((await showSubvolume(path)).sendTransid);
}

function lastComponent(path: Subvolume['path']): Buffer {
  return path.subarray(path.lastIndexOf('/') + 1);
}
