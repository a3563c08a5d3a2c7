import type { Warning } from '../../events/warning.ts';
import { Failure } from '../../failure/failure.ts';
import type { ByteString } from '../../names/byte-string.ts';
import { printable } from '../../names/printable.ts';
import type { Snapshot } from './snapshot.ts';

/** The warnings and failures of the plan of an export. */

/** The titles of one or two snapshots, or a title and the number of others, with `is` or `are`. */
export function titlesAre(list: readonly { readonly title: ByteString }[]): string {
  const names = list.map(({ title }) => printable(title));
  const [first = '', ...more] = names;
  if (more.length === 0) return `${first} is`;
  return more.length === 1 ? `${first} and ${more[0]} are` : `${first} and ${more.length} more are`;
}

export function driftWarning({ path }: Snapshot): Warning {
  return {
    type: 'warning',
    code: 'parent-changed',
    message: `${path} cannot be a parent: the archive has another state of it`,
  };
}

/** The archive has another state of the parent or clone source that was asked for. */
export function changedParent(snapshot: Snapshot, role: string, better: Snapshot | null): Failure {
  const hint =
    better === null
      ? 'use --parent auto, or --parent none for a full stream'
      : `use --parent ${better.path}`;
  return new Failure(
    'parent-changed',
    `${role} ${snapshot.path} was changed after it was exported: the archive has another state of it`,
    { hint, where: { path: snapshot.path, uuid: snapshot.state.uuid } },
  );
}

/** Two snapshots that were asked for bear one UUID, and no record shows that they hold the same. */
export function twice(one: Snapshot, other: Snapshot): Failure {
  return new Failure(
    'archive-conflict',
    `${one.path} and ${other.path} bear one UUID, and no record shows that they hold the same`,
    {
      hint: 'export them to two archives; or give one a UUID of its own, as a snapshot of a writable snapshot of it',
      where: { path: other.path, uuid: other.state.uuid },
    },
  );
}

export function ownParent({ path }: Snapshot): Failure {
  return new Failure('usage', `${path} cannot be its own parent`, {
    hint: 'omit --parent, or name another snapshot',
    where: { path },
  });
}

/** `btrfs send` takes a parent only from below the mount point of the snapshot. */
export function otherMount(snapshot: Snapshot, parent: Snapshot): Failure {
  return new Failure(
    'usage',
    `parent ${parent.path} is not below ${snapshot.mountPoint}, where ${snapshot.path} is`,
    {
      hint: 'mount the whole filesystem (mount -o subvolid=5), and name both by their paths in that',
      where: { path: parent.path, expected: snapshot.mountPoint, found: parent.mountPoint },
    },
  );
}

/**
 * The kernel gives attributes of the topmost directory to files that are received. `btrfs receive`
 * makes each file there first, and moves it to its place.
 */
export function inheritedWarning({ path, inherited = [] }: Snapshot): Warning {
  const names = inherited.join(' and ');
  return {
    type: 'warning',
    code: 'attributes-inherited',
    message: `${path} has ${names}, which files get too when it is received`,
    hint: `to keep them apart, take ${inherited.length === 1 ? 'it' : 'them'} off the top of the original before the next snapshot`,
  };
}

export function unrestorable({ path }: Snapshot): Warning {
  return {
    type: 'warning',
    code: 'not-restorable',
    message: `${path} is in the archive, but a snapshot that it builds on is not`,
    hint: 'if no destination has that one, export this one again in full: --parent none',
  };
}

/**
 * The archive cannot restore a snapshot that a stream builds on.
 *
 * @param vouched every receipt in the archive names it
 */
export function absent(snapshot: Snapshot, role: string, vouched: boolean): Warning {
  const { uuid, ctransid } = snapshot.state;
  return {
    type: 'warning',
    code: 'parent-not-in-archive',
    message: `the archive cannot restore the ${role} ${snapshot.path}`,
    hint: vouched
      ? 'every destination that left a receipt there has it; no other can receive this export'
      : `the destination must already have it: received UUID ${uuid}, ctransid ${ctransid}`,
  };
}

/**
 * The archive has another state of a snapshot.
 *
 * @param changed the filesystem of the snapshot counted both states
 */
export function conflict({ path, state }: Snapshot, changed: boolean): Failure {
  const where = { path, uuid: state.uuid };
  if (changed) {
    return new Failure(
      'archive-conflict',
      `${path} was changed after it was exported to this archive`,
      {
        hint: `make a new snapshot and export that: btrfs subvolume snapshot -r ${path} ${path}.new`,
        where,
      },
    );
  }
  return new Failure(
    'archive-conflict',
    `the archive has the UUID of ${path} from another machine, and no record shows that it is the same`,
    {
      hint: 'export it to another archive, or to this one from the machine that it came from',
      where,
    },
  );
}

export function fullAgainWarning({ path }: Snapshot, reason: string, kin: number): Warning {
  const streams = kin === 1 ? 'a stream' : `${kin} streams`;
  return {
    type: 'warning',
    code: 'full-again',
    message: `${path} is sent in full, though the archive has ${streams} of its family; ${reason}`,
    hint: '--require-incremental refuses that',
  };
}

export function fullAgain({ path, state }: Snapshot, reason: string): Failure {
  return new Failure('parent-missing', `${path} could only be sent in full; ${reason}`, {
    hint: 'omit --require-incremental to send it in full',
    where: { path, uuid: state.uuid },
  });
}
