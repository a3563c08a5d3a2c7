import type { Requirement } from '../../archive/graph/graph.ts';
import type { StoredFingerprint } from '../../archive/read/fingerprints.ts';
import { placeIn } from '../../archive/read/source.ts';
import type { StoredStream } from '../../archive/read/stored-stream.ts';
import { Failure } from '../../failure/failure.ts';
import { identityText } from '../../names/identity.ts';
import { printable } from '../../names/printable.ts';
import { shellWord } from '../../names/shell.ts';
import type { StateRecord } from '../../names/state.ts';
import { streamText } from '../../names/title.ts';
import type { DestinationSubvolume, Unusable } from './destination.ts';

/** The failures for which a stream is not received. */

/** Names a requirement for people. The stream may need it directly, or through another stream. */
function needed(stream: StoredStream, requirement: Requirement): string {
  const direct = stream.requires.some(({ uuid }) => uuid === requirement.uuid);
  if (!direct) return `${identityText(requirement)}, which it builds on,`;
  const role = stream.manifest.parent?.uuid === requirement.uuid ? 'parent' : 'clone source';
  return `its ${role} ${identityText(requirement)}`;
}

/**
 * Neither the destination nor a stream that can be received provides a requirement.
 *
 * @param other a requirement whose UUID is at the destination, but not in a state that any record
 *   links to the required one
 */
export function missingFailure(
  stream: StoredStream,
  missing: readonly Requirement[],
  other?: { readonly requirement: Requirement; readonly taken: DestinationSubvolume },
): Failure {
  const name = streamText(stream.called);
  if (other !== undefined) return otherState(stream, other.requirement, other.taken);
  const [first, ...more] = missing;
  if (first === undefined) {
    return new Failure('parent-missing', `${name}: the streams it needs contradict each other`, {
      hint: 'import one archive at a time',
      where: { uuid: stream.uuid },
    });
  }
  const others = more.length === 0 ? '' : `, and ${more.length} more`;
  return new Failure('parent-missing', `${name}: ${needed(stream, first)} is missing${others}`, {
    hint: 'give the archive that holds it as well, or export a full stream: --parent none',
    where: { ...placeIn(stream.source), uuid: first.uuid },
  });
}

/** Nothing here provides a requirement, but a receipt says that another filesystem has it. */
export function elsewhereFailure(
  stream: StoredStream,
  elsewhere: { requirement: Requirement; filesystem: string; here: string },
): Failure {
  const { requirement, filesystem, here } = elsewhere;
  return new Failure(
    'parent-missing',
    `${streamText(stream.called)}: ${needed(stream, requirement)} is missing here; another filesystem has it`,
    {
      hint: `mount ${filesystem}, which has it by its receipt, in place of ${here}; or give the archive that holds it as well`,
      where: { uuid: requirement.uuid, expected: filesystem, found: here },
    },
  );
}

/** An archive has the fingerprint of a requirement, and the destination may have a copy of it. */
export function notAdoptedFailure(
  stream: StoredStream,
  requirement: Requirement,
  { source }: StoredFingerprint,
): Failure {
  const adopt = `btrferry adopt ${shellWord(source.archive)} --copy <subvolume> --into <directory>`;
  return new Failure(
    'parent-missing',
    `${streamText(stream.called)}: ${needed(stream, requirement)} is not there yet`,
    {
      hint: `if a copy of it is there, such as one that rsync made: ${adopt}`,
      where: { ...placeIn(source), uuid: requirement.uuid },
    },
  );
}

/** No record shows that the requirement is in the state that the stream was made against. */
function otherState(
  stream: StoredStream,
  requirement: Requirement,
  { path, state }: DestinationSubvolume,
): Failure {
  const { ctransid } = requirement;
  return new Failure(
    'parent-missing',
    `${streamText(stream.called)}: ${needed(stream, requirement)} is there in another state`,
    {
      hint: madeHere(requirement, state)
        ? MADE_HERE
        : 'if it came here through another machine, give the archive that brought it as well; if it was changed at the source, export again with --parent auto',
      where: {
        uuid: requirement.uuid,
        path: printable(path),
        expected: `ctransid ${ctransid}`,
        found: countedHere(state),
      },
    },
  );
}

function countedHere({ ctransid, sendTransid }: StateRecord): string {
  return `ctransid ${ctransid}${sendTransid === null ? '' : `, received as ${sendTransid}`}`;
}

/** A stream that was made onto a copy here can only be made anew: the copy has no other origin. */
const MADE_HERE =
  'it was changed here after its fingerprint was made; make a read-only snapshot of it, and a fingerprint of that, and export --onto that';

/** Reports whether a required subvolume is of this filesystem itself, and not a received one. */
function madeHere({ filesystem }: Requirement, state: StateRecord): boolean {
  return state.sendTransid === null && filesystem === state.filesystem;
}

/** Describes why a subvolume cannot be used, and what to do about it. */
function fault(reason: Unusable, path: string): { what: string; cure: string } {
  const remove =
    'delete that subvolume, and import again; a writable snapshot of it would keep its contents, without the UUID';
  return {
    writable: {
      what: `${path}, which is writable, so its contents may have changed`,
      cure: remove,
    },
    copied: {
      what: `${path}, which is a snapshot of a received subvolume, so its contents may have changed`,
      cure: remove,
    },
    changed: { what: `${path}, which was changed after it was received`, cure: remove },
    unknown: {
      what: `${path}, which lies outside of what is mounted, where it cannot be examined`,
      cure: 'mount the whole filesystem (mount -o subvolid=5) and import into that',
    },
    unreachable: {
      what: `${path}, which lies outside of what is mounted`,
      cure: 'mount the whole filesystem (mount -o subvolid=5) and import into that',
    },
  }[reason];
}

/** `btrfs receive` would take a wrong subvolume for the requirement, or cannot open the right one. */
export function unusableFailure(
  stream: StoredStream,
  requirement: Requirement,
  reason: Unusable,
  taken: DestinationSubvolume,
): Failure {
  const path = printable(taken.path);
  const { what, cure } = fault(reason, path);
  return new Failure(
    'parent-missing',
    `${streamText(stream.called)}: ${needed(stream, requirement)} is there as ${what}`,
    {
      hint: reason === 'writable' && madeHere(requirement, taken.state) ? MADE_HERE : cure,
      where: { uuid: requirement.uuid, path },
    },
  );
}

/** A subvolume bears the UUID of the stream, but is not proved to be the one received from it. */
export function presentButUnusable(
  stream: Pick<StoredStream, 'called' | 'uuid' | 'ctransid'>,
  subvolume: DestinationSubvolume,
  reason: Unusable | 'other',
): Failure {
  const path = printable(subvolume.path);
  const where = { uuid: stream.uuid, path, expected: `ctransid ${stream.ctransid}` };
  const name = streamText(stream.called);
  if (reason === 'other') {
    return new Failure(
      'destination-unfit',
      `${name}: the destination has it as ${path} in another state`,
      {
        hint: 'if it came here through another machine, give the archive that brought it as well',
        where: { ...where, found: countedHere(subvolume.state) },
      },
    );
  }
  const { what, cure } = fault(reason, path);
  return new Failure('destination-unfit', `${name}: it is there as ${what}`, {
    hint: cure,
    where: { ...where, found: reason },
  });
}

/** The archives hold different states under one UUID, and no record links them. */
export function conflictFailure(stream: StoredStream, others: readonly StoredStream[]): Failure {
  const places = others.map(({ source }) => `${source.archive}/${source.directory}`);
  return new Failure(
    'archive-conflict',
    `${streamText(stream.called)}: the archives hold it in ${places.length} states, and no record shows that they are one`,
    {
      hint: `give the archives one at a time, or move all but one of these away: ${places.join(', ')}`,
      where: { ...placeIn(stream.source), uuid: stream.uuid },
    },
  );
}

/** A requirement changed while the stream was being received. */
export function changedFailure(stream: StoredStream, requirement: Requirement): Failure {
  return new Failure(
    'proof-failed',
    `${streamText(stream.called)}: ${needed(stream, requirement)} was changed while it was received`,
    {
      hint: 'what was received is removed; see who writes there, and import that one anew',
      where: { uuid: requirement.uuid },
    },
  );
}

/** A requirement was planned to be received before, and was not. */
export function notReceivedFailure(stream: StoredStream, requirement: Requirement): Failure {
  return new Failure(
    'parent-missing',
    `${streamText(stream.called)}: ${needed(stream, requirement)} was not received`,
    { hint: 'see the errors above', where: { uuid: requirement.uuid } },
  );
}

/** The stream uses commands that the installed btrfs-progs does not know. */
export function tooOldFailure(stream: StoredStream, needed: string, found: string): Failure {
  return new Failure(
    'btrfs-progs',
    `${streamText(stream.called)}: needs btrfs-progs ${needed} to receive, and this is ${found}`,
    {
      hint: 'install newer btrfs-progs, or export it again with --proto 1',
      where: { uuid: stream.uuid, expected: needed, found },
    },
  );
}
