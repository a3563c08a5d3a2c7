import { readdir } from 'node:fs/promises';
import type { StoredStream } from '../../archive/catalog.ts';
import type { Filesystem } from '../../btrfs/filesystem.ts';
import {
  listSubvolumes,
  reachablePath,
  type Subvolume,
  showSubvolume,
} from '../../btrfs/subvolume.ts';
import { textFromBytes } from '../../manifest/text.ts';
import type { DestinationSubvolume } from './destination.ts';
import { isIncomingName } from './temporary.ts';

/** What the destination has, as the plan wants it; half-received subvolumes of ours left out. */
export interface DestinationFacts {
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
    // Only asked of those that a stream may build on: it takes a process each.
    const compared = subvolume.receivedUuid !== null && required.has(subvolume.receivedUuid);
    subvolumes.push({
      path: textFromBytes(subvolume.path),
      uuid: subvolume.uuid,
      receivedUuid: subvolume.receivedUuid,
      ctransid: compared && path !== null ? await sendTransid(path) : undefined,
      readOnly: subvolume.readOnly,
      reachable: path !== null,
    });
  }
  const names = await readdir(into, { encoding: 'buffer' });
  return { subvolumes, taken: names.filter((name) => !isIncomingName(name)) };
}

export async function sendTransid(path: Buffer): Promise<string> {
  return String((await showSubvolume(path)).sendTransid);
}

function lastComponent(path: Subvolume['path']): Buffer {
  return path.subarray(path.lastIndexOf('/') + 1);
}
