import { syncFilesystem } from '../../btrfs/change.ts';
import { filesystemAt } from '../../btrfs/filesystem.ts';
import { mountsBelow } from '../../btrfs/mounts.ts';
import { showGenuine } from '../../btrfs/send.ts';
import { assertSubvolume, infoAt } from '../../btrfs/subvolume.ts';
import { Failure } from '../../failure/failure.ts';
import { byteString } from '../../names/byte-string.ts';
import { stateOf } from '../../names/identity.ts';
import { absolutePath } from '../../names/path.ts';
import { printable } from '../../names/printable.ts';
import type { StateRecord } from '../../names/state.ts';
import { type StreamName, titleOf } from '../../names/title.ts';

/** A read-only snapshot that a fingerprint is made of. */
export interface Subject {
  readonly path: string;
  readonly called: StreamName;
  readonly state: StateRecord;
  /**
   * Checks that it is still what it was.
   *
   * @throws {Failure} `not-genuine`
   */
  readonly unchanged: () => Promise<void>;
}

/**
 * Examines a snapshot.
 *
 * @throws {Failure} `not-found`, `not-btrfs`, `not-a-subvolume`, `not-read-only`, `not-genuine`
 */
export async function subjectAt(path: string, signal: AbortSignal): Promise<Subject> {
  await assertSubvolume(path);
  await syncFilesystem(path);
  const shown = await showGenuine(path, signal);
  const { uuid: filesystem } = await filesystemAt(path);
  await assertNothingMounted(path);
  const state = stateOf(filesystem, shown);
  const last = shown.path.subarray(shown.path.lastIndexOf('/') + 1);
  const name = last.length === 0 ? 'root' : byteString(last);
  const title = titleOf(name, byteString(absolutePath(path)));
  return {
    path,
    called: { name, title, uuid: state.uuid },
    state,
    async unchanged() {
      const now = await infoAt(path);
      if (now.readOnly && now.uuid === shown.uuid && now.ctransid === shown.ctransid) return;
      throw new Failure('not-genuine', `${path} was changed while it was read`, {
        hint: 'see what writes there; make a new read-only snapshot, and name that',
        where: { path, uuid: state.uuid },
      });
    },
  };
}

/**
 * Refuses a directory that has another filesystem mounted in it, which hides what is below.
 *
 * @throws {Failure} `not-genuine`
 */
export async function assertNothingMounted(path: string): Promise<void> {
  const [mount] = await mountsBelow(path);
  if (mount === undefined) return;
  const at = printable(mount.mountPoint);
  throw new Failure('not-genuine', `a filesystem is mounted at ${at}, and hides what is there`, {
    hint: `unmount it first: umount ${at}`,
    where: { path: at },
  });
}
