import type { StoredStream } from '../../archive/catalog.ts';
import { choose } from '../../archive/choice.ts';
import { groupBy, satisfies } from '../../archive/graph.ts';
import { streamsCalled } from '../../archive/selection.ts';
import { namedByPlace, type StreamName } from '../../archive/title.ts';
import { atLeast, parseVersion, type Version } from '../../btrfs/version.ts';
import { Failure } from '../../failure/failure.ts';
import type { ManifestRequirement, Receipt } from '../../manifest/schema.ts';
import type { Warning } from '../event.ts';
import {
  type DestinationSubvolume,
  type PresentSubvolume,
  presentAt,
  relayedOf,
  unusable,
} from './destination.ts';
import { type ImportStep, receivedNames } from './names.ts';
import {
  elsewhereFailure,
  missingFailure,
  presentButUnusable,
  tooOldFailure,
  unusableFailure,
} from './refusal.ts';

export interface ImportFacts {
  readonly streams: readonly StoredStream[];
  /** Those of them of which stored files are missing or changed. */
  readonly spoiled: ReadonlyMap<StoredStream, Failure>;
  /** Streams whose manifest can't be used. */
  readonly damaged: readonly { readonly directory: string; readonly failure: Failure }[];
  /** What other imports left in the archives. */
  readonly receipts: readonly Receipt[];
  /** UUID of the destination; undefined for one that has nothing yet. */
  readonly filesystem: string | undefined;
  readonly subvolumes: readonly DestinationSubvolume[];
  /** Names in the directory to import into. */
  readonly taken: readonly Uint8Array[];
  /** Words that name the streams wanted; empty for all. */
  readonly only: readonly string[];
  /** Template for names. */
  readonly template: string | undefined;
  /** Version of the btrfs-progs here. */
  readonly btrfsProgs: Version;
}

export interface RefusedStream extends StreamName {
  readonly failure: Failure;
}

export interface ImportPlan {
  /** What each word of `only` names. */
  readonly only: readonly { readonly word: string; readonly streams: readonly StreamName[] }[];
  readonly steps: readonly ImportStep[];
  /** Streams that were wanted and whose subvolume is there. */
  readonly present: readonly StoredStream[];
  readonly refused: readonly RefusedStream[];
  readonly warnings: readonly Warning[];
}

/**
 * What to receive, in which order, and what not and why. Pure: the same facts give the same
 * plan. Throws `not-found` when `only` names something that no archive has, and `usage` when the
 * template makes no names.
 */
export function planImport(facts: ImportFacts): ImportPlan {
  const only = facts.only.map((word) => ({ word, found: select(facts.streams, word) }));
  const wanted = only.length === 0 ? facts.streams : [...new Set(only.flatMap((o) => o.found))];
  const tooNew = (s: StoredStream) => {
    const { major, minor, patch } = needs(s);
    return !atLeast(facts.btrfsProgs, major, minor, patch);
  };
  const unfit = facts.streams.filter((s) => tooNew(s) || facts.spoiled.has(s));
  const there = presentAt(facts.subvolumes, relayedOf(facts.streams));
  const usable = [...there.values()].flatMap((list) => (unusable(list) === null ? list : []));

  const wantedByUuid = groupBy(wanted, (s) => s.uuid);
  const present: StoredStream[] = [];
  const refused: RefusedStream[] = [];
  const goals: string[] = [];
  for (const [uuid, [stream, ...others]] of wantedByUuid) {
    if (stream === undefined) continue;
    const here = there.get(uuid);
    const reason = here === undefined ? null : unfitAsGoal(here, [stream, ...others]);
    if (reason !== null) refused.push(refusal(stream, reason));
    else if (here !== undefined) present.push(stream);
    else goals.push(uuid);
  }

  // What is there but can't be used must not be received a second time either.
  const left = new Set(unfit);
  const candidates = facts.streams.filter((s) => !left.has(s) && !there.has(s.uuid));
  const choice = choose(candidates, usable, goals);
  const told = new Set(refused.map(({ uuid }) => uuid));
  for (const { stream, missing } of choice.refused) {
    if (told.has(stream.uuid)) continue;
    told.add(stream.uuid);
    refused.push(refusal(stream, whyMissing(stream, missing)));
  }
  const reached = new Set(
    [...choice.order, ...choice.refused.map((r) => r.stream)].map((s) => s.uuid),
  );
  for (const uuid of goals.filter((goal) => !reached.has(goal))) {
    const [stream] = wantedByUuid.get(uuid) as [StoredStream];
    refused.push(refusal(stream, unfitFailure(stream)));
  }
  // A stream whose manifest is lost may be just the one that another misses.
  if (facts.only.length === 0 || refused.length > 0) {
    for (const { directory, failure } of facts.damaged) {
      refused.push({ ...namedByPlace(directory.replace(/^.*\//, '')), failure });
    }
  }

  const { steps, warnings } = receivedNames(choice.order, facts.taken, facts.template);
  for (const step of steps) {
    const relay = step.stream.requires.find((r) => acrossRelay(r, there.get(r.uuid)));
    if (relay !== undefined) warnings.push(relayWarning(step.stream, relay));
  }
  // Causes before what follows from them: damage first, then by age.
  const place = new Map(wanted.map(({ uuid }, at) => [uuid, at]));
  const age = ({ uuid }: RefusedStream) => place.get(uuid) ?? -1;
  return {
    only: only.map(({ word, found }) => ({ word, streams: uniqueNames(found) })),
    steps,
    present,
    refused: refused.toSorted((a, b) => age(a) - age(b)),
    warnings,
  };

  function whyMissing(stream: StoredStream, missing: readonly ManifestRequirement[]): Failure {
    for (const requirement of missing) {
      const here = there.get(requirement.uuid);
      const reason = here === undefined ? null : unusable(here);
      if (reason !== null) return unusableFailure(stream, requirement, reason, here ?? []);
    }
    const needed = unfit.find((s) => missing.some((m) => m.uuid === s.uuid));
    if (needed !== undefined) return unfitFailure(needed);
    const other = missing.find((m) => there.has(m.uuid));
    const elsewhere = other === undefined ? onAnother(missing) : undefined;
    if (elsewhere !== undefined) return elsewhereFailure(stream, elsewhere);
    return missingFailure(stream, missing, other, there.get(other?.uuid ?? '') ?? []);
  }

  /** The filesystem that an import last found a requirement on, when it is another than this. */
  function onAnother(missing: readonly ManifestRequirement[]) {
    const { filesystem: here } = facts;
    if (here === undefined) return undefined;
    const latestFirst = facts.receipts.toSorted((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
    for (const { filesystem, subvolumes } of latestFirst) {
      const requirement = missing.find((m) => subvolumes.some((s) => satisfies(m, s)));
      const another = filesystem !== here;
      if (requirement !== undefined && another) return { requirement, filesystem, here };
    }
    return undefined;
  }

  function unfitFailure(stream: StoredStream): Failure {
    return (
      facts.spoiled.get(stream) ?? tooOldFailure(stream, needs(stream).text, facts.btrfsProgs.text)
    );
  }
}

/** A goal that is there counts as received, unless what is there can't be trusted to be it. */
function unfitAsGoal(
  here: readonly PresentSubvolume[],
  streams: readonly StoredStream[],
): Failure | null {
  const it = here.filter(({ uuid, subvolume: { receivedUuid } }) =>
    [uuid, null].includes(receivedUuid),
  );
  const stream = streams[0] as StoredStream;
  const writable = it.find(({ subvolume }) => !subvolume.readOnly);
  if (writable !== undefined) return presentButUnusable(stream, writable, 'writable');
  const unknown = it.find(({ ctransid }) => ctransid === undefined);
  if (unknown !== undefined) return presentButUnusable(stream, unknown, 'unreachable');
  const same = (p: PresentSubvolume) =>
    p.relayed === true || streams.some((s) => s.ctransid === p.ctransid || s.relayed);
  const other = it.find((p) => !same(p));
  return other === undefined ? null : presentButUnusable(stream, other, 'other');
}

function acrossRelay(
  requirement: ManifestRequirement,
  here: readonly PresentSubvolume[] | undefined,
): boolean {
  return (
    here?.some((p) => p.ctransid !== undefined && p.ctransid !== requirement.ctransid) ?? false
  );
}

function select(streams: readonly StoredStream[], word: string): StoredStream[] {
  const found = streamsCalled(streams, word);
  if (found.length > 0) return found;
  throw new Failure('not-found', `no stream is called ${word}, and no UUID begins so`, {
    hint: 'btrferry list shows the streams; of a UUID give four digits or more',
  });
}

/** Copies of a stream in several archives count once. */
function uniqueNames(streams: readonly StoredStream[]): StreamName[] {
  return [...new Map(streams.map(({ uuid, called }) => [uuid, called])).values()];
}

function relayWarning(stream: StoredStream, requirement: ManifestRequirement): Warning {
  return {
    type: 'warning',
    code: 'ctransid-differs',
    message: `${stream.directory} names ${requirement.uuid} with a ctransid of another filesystem`,
    hint: 'that is usual where snapshots were passed on by a filesystem that received them',
  };
}

function needs({ manifest }: StoredStream): Version {
  const needed = parseVersion(manifest.receiver.btrfsProgs);
  if (needed === undefined) throw new RangeError('a manifest without a version of btrfs-progs');
  return needed;
}

function refusal(stream: StoredStream, failure: Failure): RefusedStream {
  return { ...stream.called, failure };
}
