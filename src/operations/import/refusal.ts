import type { StoredStream } from '../../archive/catalog.ts';
import { Failure } from '../../failure/failure.ts';
import type { ManifestRequirement } from '../../manifest/schema.ts';
import { bytesFromText, type Text } from '../../manifest/text.ts';
import { printable } from '../../sendstream/paths.ts';
import { streamText } from '../stream-text.ts';
import type { PresentSubvolume, Unusable } from './destination.ts';

/** Why a stream is not received, each reason in its own words. */

const show = (text: Text) => printable(bytesFromText(text));

function nameOf({ name, uuid }: ManifestRequirement): string {
  return name === undefined ? uuid : `${show(name)} (${uuid})`;
}

/** A requirement as seen from a stream, which need not be the one that names it. */
function needed(stream: StoredStream, requirement: ManifestRequirement): string {
  const direct = stream.requires.some(({ uuid }) => uuid === requirement.uuid);
  if (!direct) return `${nameOf(requirement)}, which it builds on,`;
  const role = stream.manifest.parent?.uuid === requirement.uuid ? 'parent' : 'clone source';
  return `its ${role} ${nameOf(requirement)}`;
}

/** Nothing at the destination, and no stream that could be received, provides a requirement. */
export function missingFailure(
  stream: StoredStream,
  missing: readonly ManifestRequirement[],
  other: ManifestRequirement | undefined,
  here: readonly PresentSubvolume[],
): Failure {
  const name = streamText(stream.called);
  if (other !== undefined) return otherState(stream, other, here);
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
    where: { uuid: first.uuid, path: stream.directory },
  });
}

/** Nothing here provides a requirement, but a receipt names another filesystem that has it. */
export function elsewhereFailure(
  stream: StoredStream,
  elsewhere: { requirement: ManifestRequirement; filesystem: string; here: string },
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

/** It is there, but in another state than the stream was made against. */
function otherState(
  stream: StoredStream,
  requirement: ManifestRequirement,
  here: readonly PresentSubvolume[],
): Failure {
  const found = here.find((p) => p.ctransid !== undefined)?.ctransid ?? 'unknown';
  return new Failure(
    'parent-missing',
    `${streamText(stream.called)}: ${needed(stream, requirement)} is there in another state`,
    {
      hint: 'if it came through another filesystem, give that archive too; if it was changed at the source, export again with --parent auto',
      where: { uuid: requirement.uuid, expected: `ctransid ${requirement.ctransid}`, found },
    },
  );
}

/** It is there, but receive could not use it, or would use it wrongly. */
export function unusableFailure(
  stream: StoredStream,
  requirement: ManifestRequirement,
  reason: Unusable,
  here: readonly PresentSubvolume[],
): Failure {
  const paths = here.map(({ subvolume }) => show(subvolume.path));
  const what = needed(stream, requirement);
  const [message, hint] = {
    writable: [
      `${what} is writable at the destination, so its contents can't be relied on`,
      `restore it: delete the subvolume ${paths[0]} there, and import its own stream again`,
    ],
    unreachable: [
      `${what} lies outside of what is mounted of the destination filesystem`,
      `mount the whole filesystem (mount -o subvolid=5) and import into that; it is at ${paths[0]}`,
    ],
    ambiguous: [
      `${what} is there ${here.length} times, and receive would take any of them`,
      `delete all but one of: ${paths.join(', ')}`,
    ],
  }[reason] as [string, string];
  return new Failure('parent-missing', `${streamText(stream.called)}: ${message}`, {
    hint,
    where: { uuid: requirement.uuid, path: paths[0] ?? '' },
  });
}

/** The subvolume that a stream would bring is there, but is not what the stream holds. */
export function presentButUnusable(
  stream: StoredStream,
  { subvolume, ctransid }: PresentSubvolume,
  reason: 'writable' | 'unreachable' | 'other',
): Failure {
  const path = show(subvolume.path);
  const [message, hint, found] = {
    writable: [
      `it is at the destination as ${path}, but writable, so its contents can't be relied on`,
      'if nothing there is needed, delete that subvolume and import again',
      'read-write',
    ],
    unreachable: [
      `it is at the destination as ${path}, outside of what is mounted, so it can't be looked at`,
      'mount the whole filesystem (mount -o subvolid=5) and import into that',
      'unknown',
    ],
    other: [
      `the destination has another state of it at ${path}`,
      'if it came through another filesystem, give the archive that brought it as well',
      `ctransid ${ctransid}`,
    ],
  }[reason] as [string, string, string];
  return new Failure('destination-unfit', `${streamText(stream.called)}: ${message}`, {
    hint,
    where: { uuid: stream.uuid, path, expected: `ctransid ${stream.ctransid}`, found },
  });
}

/** What a stream builds on is not what it was when the stream was begun. */
export function changedFailure(stream: StoredStream, requirement: ManifestRequirement): Failure {
  return new Failure(
    'proof-failed',
    `${streamText(stream.called)}: ${needed(stream, requirement)} was changed while it was received`,
    {
      hint: 'what was received is removed; see who writes there, and import that one anew',
      where: { uuid: requirement.uuid },
    },
  );
}

/** What a stream builds on was to come with this import, and did not. */
export function notReceivedFailure(
  stream: StoredStream,
  requirement: ManifestRequirement,
): Failure {
  return new Failure(
    'parent-missing',
    `${streamText(stream.called)}: ${needed(stream, requirement)} was not received`,
    { hint: 'why is told above', where: { uuid: requirement.uuid } },
  );
}

/** The stream uses commands that the installed btrfs-progs doesn't know. */
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
