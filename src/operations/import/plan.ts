import { choose } from '../../archive/graph/choice.ts';
import {
  conflicts,
  groupBy,
  linkedStates,
  type Requirement,
  statesOf,
} from '../../archive/graph/graph.ts';
import { receiptRecords } from '../../archive/read/receipts.ts';
import { streamsCalled } from '../../archive/read/selection.ts';
import type { StoredStream } from '../../archive/read/stored-stream.ts';
import { atLeast, parseVersion, type Version } from '../../btrfs/version.ts';
import type { Warning } from '../../events/warning.ts';
import { Failure } from '../../failure/failure.ts';
import type { Receipt } from '../../manifest/schema.ts';
import { namedByPlace, type StreamName } from '../../names/title.ts';
import {
  bearersOf,
  type DestinationSubvolume,
  genuineIn,
  unusable,
  usableAmong,
} from './destination.ts';
import { type ImportStep, receivedNames } from './names.ts';
import {
  conflictFailure,
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
  const unfit = new Set(facts.streams.filter((s) => tooNew(s) || facts.spoiled.has(s)));
  const bearers = bearersOf(facts.subvolumes);
  const states = linkedStates(facts.streams, [
    ...receiptRecords(facts.receipts),
    ...facts.subvolumes.map(({ state }) => state),
  ]);
  const conflicting = conflicts(facts.streams, states);
  const usable = usableAmong(bearers).map(({ state }) => state);

  const wantedByState = groupBy(wanted, (s) => states.of(s));
  const present: StoredStream[] = [];
  /** By the state that was wanted, or by the directory of a stream without a manifest. */
  const refused = new Map<string, RefusedStream>();
  const goals: string[] = [];
  for (const [state, [stream]] of wantedByState) {
    if (stream === undefined) continue;
    const here = bearers.get(stream.uuid) ?? [];
    const others = conflicting.get(stream.uuid);
    if (genuineIn(here, state, states) !== undefined) present.push(stream);
    else if (here.length > 0) refuse(stream, whyNotPresent(stream, here));
    else if (others !== undefined) refuse(stream, conflictFailure(stream, others));
    else goals.push(state);
  }

  // A UUID that is there must not be received a second time, whatever bears it.
  const candidates = facts.streams.filter(
    (s) => !unfit.has(s) && !bearers.has(s.uuid) && !conflicting.has(s.uuid),
  );
  const choice = choose(candidates, usable, goals, states);
  for (const { stream, missing } of choice.refused) refuse(stream, whyMissing(stream, missing));
  const reached = new Set(
    [...choice.order, ...choice.refused.map((r) => r.stream)].map((s) => states.of(s)),
  );
  for (const state of goals.filter((goal) => !reached.has(goal))) {
    const [stream] = wantedByState.get(state) as [StoredStream];
    refuse(stream, unfitFailure(stream));
  }
  // A stream whose manifest is lost may be just the one that another misses.
  if (facts.only.length === 0 || refused.size > 0) {
    for (const { directory, failure } of facts.damaged) {
      refused.set(directory, { ...namedByPlace(directory.replace(/^.*\//, '')), failure });
    }
  }

  const { steps, warnings } = receivedNames(choice.order, facts.taken, facts.template);
  // Causes before what follows from them: damage first, then by age.
  const place = new Map([...wantedByState.keys()].map((state, at) => [state, at]));
  const age = ([key]: [string, RefusedStream]) => place.get(key) ?? -1;
  return {
    only: only.map(({ word, found }) => ({ word, streams: uniqueNames(found) })),
    steps,
    present,
    refused: [...refused].toSorted((a, b) => age(a) - age(b)).map(([, each]) => each),
    warnings,
  };

  /** The first reason stands. */
  function refuse(stream: StoredStream, failure: Failure): void {
    const state = states.of(stream);
    if (!refused.has(state)) refused.set(state, { ...stream.called, failure });
  }

  function whyMissing(stream: StoredStream, missing: readonly Requirement[]): Failure {
    const takenFor = (m: Requirement) => bearers.get(m.uuid)?.find((each) => each.taken);
    for (const requirement of missing) {
      const taken = takenFor(requirement);
      const reason = taken === undefined ? null : unusable(taken);
      if (taken !== undefined && reason !== null) {
        return unusableFailure(stream, requirement, reason, taken);
      }
    }
    const needed = [...unfit].find((s) => missing.some((m) => states.of(m) === states.of(s)));
    if (needed !== undefined) return unfitFailure(needed);
    for (const requirement of missing) {
      const taken = takenFor(requirement);
      if (taken !== undefined) return missingFailure(stream, missing, { requirement, taken });
      const others = conflicting.get(requirement.uuid);
      const [other] = others ?? [];
      if (others !== undefined && other !== undefined) return conflictFailure(other, others);
    }
    const elsewhere = onAnother(missing);
    if (elsewhere !== undefined) return elsewhereFailure(stream, elsewhere);
    return missingFailure(stream, missing);
  }

  /** The filesystem that an import last found a requirement on, when it is another than this. */
  function onAnother(missing: readonly Requirement[]) {
    const { filesystem: here } = facts;
    if (here === undefined) return undefined;
    const latestFirst = facts.receipts.toSorted((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
    for (const receipt of latestFirst) {
      const vouched = statesOf(receiptRecords([receipt]), states);
      const requirement = missing.find((m) => vouched.has(states.of(m)));
      const { filesystem } = receipt;
      if (requirement !== undefined && filesystem !== here)
        return { requirement, filesystem, here };
    }
    return undefined;
  }

  function unfitFailure(stream: StoredStream): Failure {
    return (
      facts.spoiled.get(stream) ?? tooOldFailure(stream, needs(stream).text, facts.btrfsProgs.text)
    );
  }
}

/** What bears the UUID of a stream and is not proved to be it. */
function whyNotPresent(stream: StoredStream, here: readonly DestinationSubvolume[]): Failure {
  const subvolume = (here.find((each) => each.taken) ?? here[0]) as DestinationSubvolume;
  const { standing } = subvolume;
  return presentButUnusable(stream, subvolume, standing === 'genuine' ? 'other' : standing);
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

function needs({ manifest }: StoredStream): Version {
  const needed = parseVersion(manifest.receiver.btrfsProgs);
  if (needed === undefined) throw new RangeError('a manifest without a version of btrfs-progs');
  return needed;
}
