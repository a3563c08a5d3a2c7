import { hostname } from 'node:os';
import type { Origin } from '../../archive/write/manifest.ts';
import { filesystemAt } from '../../btrfs/filesystem.ts';
import { showSubvolume } from '../../btrfs/subvolume.ts';
import { Failure } from '../../failure/failure.ts';
import { byteString } from '../../names/byte-string.ts';
import { absolutePath } from '../../names/path.ts';
import type { NameOf } from './names.ts';
import type { ExportStep } from './plan.ts';

/**
 * Collects the facts that a send stream does not carry: the origin of its snapshot, and the records
 * of the snapshots that it requires.
 *
 * @throws {Failure} `send-failed` if the snapshot is gone
 */
export async function originOf(step: ExportStep, nameOf: NameOf): Promise<Origin> {
  const { snapshot, parent, cloneSources } = step;
  const known = [...(parent === null ? [] : [parent]), ...cloneSources];
  return {
    source: await describeSource(snapshot.path),
    sendTransid: snapshot.state.sendTransid,
    requirement({ uuid, ctransid }) {
      const found = known.find(
        ({ state }) => state.uuid === uuid && state.ctransid === String(ctransid),
      );
      return {
        sendTransid: found?.state.sendTransid ?? null,
        ...(found === undefined ? {} : { name: nameOf(found).title }),
      };
    },
  };
}

/**
 * Describes a snapshot and its filesystem.
 *
 * @throws {Failure} `send-failed` if it is gone
 */
export async function describeSource(path: string): Promise<Origin['source']> {
  const looked = Promise.all([filesystemAt(path), showSubvolume(path)]);
  const [{ uuid: filesystem }, shown] = await looked.catch((error: unknown) => {
    if (!(error instanceof Failure) || error.code !== 'not-found') throw error;
    throw new Failure('send-failed', `${path} went away`, {
      hint: 'check that its filesystem is mounted, then run the same command again',
      where: { path },
      cause: error,
    });
  });
  return {
    filesystem,
    host: hostname() || null,
    path: byteString(absolutePath(path)),
    pathInFilesystem: byteString(shown.path),
    uuid: shown.uuid,
    receivedUuid: shown.receivedUuid,
    parentUuid: shown.parentUuid,
    generation: String(shown.generation),
    creationGeneration: String(shown.creationTransid),
    createdAt: new Date(Number(shown.createdAt / 1_000_000n)).toISOString(),
  };
}
