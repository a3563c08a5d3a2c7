import { Failure } from '../failure/failure.ts';
import type { Identity } from '../names/identity.ts';
import type { Path } from '../names/path.ts';
import { printable } from '../names/printable.ts';
import { syncFilesystem } from './change.ts';
import { lookAtStanding } from './standing.ts';
import { assertSubvolume, infoAt } from './subvolume.ts';

/** A subvolume as it must be after it was received. */
export interface Expected extends Identity {
  /** UUID of the subvolume here that it must be made from; null for a full stream. */
  readonly parent: string | null;
}

/**
 * Syncs the filesystem and proves that a subvolume was received completely: it is read-only, bears
 * the announced identity, was made from the expected parent, and was not changed since. `btrfs
 * receive` sets the first two only after the last command.
 *
 * @throws {Failure} `proof-failed`, with the values that differ; `not-found`, `not-a-subvolume`
 */
export async function prove(path: Path, announced: Expected, signal?: AbortSignal): Promise<void> {
  await assertSubvolume(path);
  await syncFilesystem(path);
  const seen = await infoAt(path);
  const place = printable(path);
  const failed = (what: string, expected: string, found: string) =>
    new Failure('proof-failed', `${place} was not received completely: ${what}`, {
      where: { path: place, uuid: announced.uuid, expected, found },
    });
  const expected = `read-only, received UUID ${announced.uuid}, transid ${announced.ctransid}`;
  const found = `${seen.readOnly ? 'read-only' : 'writable'}, received UUID ${seen.receivedUuid ?? 'none'}, transid ${seen.sendTransid}`;
  if (found !== expected) {
    throw failed(`it is ${found}, and should be ${expected}`, expected, found);
  }
  if (seen.parentUuid !== announced.parent) {
    const [wanted, other] = [announced.parent ?? 'none', seen.parentUuid ?? 'none'];
    throw failed(`it was made from ${other}, and should be made from ${wanted}`, wanted, other);
  }
  const standing = await lookAtStanding(path, seen, signal);
  if (standing !== 'genuine') {
    throw failed('it was changed while it was received', 'genuine', standing);
  }
}
