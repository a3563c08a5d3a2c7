import type { KeepReason } from '../../names/retention.ts';
import type { States } from '../../names/state.ts';
import { groupBy, receivable, statesOf, unmetBy } from '../graph/graph.ts';
import type { Candidate } from './candidate.ts';
import { type Outlooks, outlooksOf, type Surroundings, streamsFor } from './outlook.ts';
import { type Judged, keptBy, type Policy } from './policy.ts';

export interface RetentionFacts<S extends Candidate> {
  /** All streams of an archive whose manifests can be used, oldest first. */
  readonly streams: readonly S[];
  /**
   * The first digits of the UUIDs of parents that streams need whose manifests are unusable, or not
   * written yet.
   */
  readonly awaited: readonly string[];
  readonly surroundings: Surroundings;
  readonly policy: Policy;
  /** Milliseconds since 1970. */
  readonly now: number;
}

export interface KeptStream<S> {
  readonly stream: S;
  readonly reasons: readonly KeepReason[];
  /** Streams that stay and require it. */
  readonly neededBy: readonly S[];
}

export interface Retention<S> {
  /** Each before the streams that it requires. */
  readonly removed: readonly S[];
  /** Oldest first. */
  readonly kept: readonly KeptStream<S>[];
}

/** Streams that stay, with the reasons that concern them and not their snapshot. */
type Stay<S> = Map<S, KeepReason[]>;

/**
 * Decides which streams of an archive a policy no longer keeps. Pure: the same facts give the same
 * decision. Only snapshots that can be restored are judged and counted. All other streams stay, with
 * all that they require. What stays can be restored as before; but if destinations are named, they
 * need not be brought to what they have.
 */
export function retain<S extends Candidate>(facts: RetentionFacts<S>): Retention<S> {
  const { streams, surroundings } = facts;
  const outlooks = outlooksOf(streams, surroundings);
  const { states } = outlooks;
  const stay: Stay<S> = new Map();
  const byState = groupBy(streams, (stream) => states.of(stream));
  const reasonsFor = untouched(facts, outlooks);
  for (const stream of streams) {
    const reasons = reasonsFor(stream);
    if (reasons.length > 0) addWithNeeds(stream, reasons, stay, byState, states);
  }
  const apart = [...stay.keys()];
  const wanted = wantedSnapshots(facts, outlooks);
  const open = new Set(wanted.keys());
  const promised = outlooks.list.map((outlook) => {
    const brought = statesOf(outlook.receivable, states);
    const goals = new Set([...open].filter((state) => brought.has(state)));
    for (const goal of goals) open.delete(goal);
    const chosen = streamsFor(goals, outlook, states);
    for (const stream of chosen) if (!stay.has(stream)) stay.set(stream, []);
    const usable = new Set(outlook.receivable);
    return new Set([...chosen, ...apart.filter((stream) => usable.has(stream))]);
  });
  keepLinks(promised, stay, facts, byState, states);
  return {
    removed: inOrderOfRemoval(streams, stay, states),
    kept: explained(streams, stay, wanted, states),
  };
}

/** Returns a function that finds the reasons why a stream stays, whatever the policy says. */
function untouched<S extends Candidate>(
  { streams, awaited }: RetentionFacts<S>,
  { conflicting, list }: Outlooks<S>,
): (stream: S) => KeepReason[] {
  const usable = new Set(list.flatMap(({ receivable: some }) => some));
  const copies = groupBy(streams, ({ contents }) => contents);
  return (stream) => {
    const reasons: KeepReason[] = [];
    if (!stream.isWhole) reasons.push('damaged');
    else if (conflicting.has(stream)) reasons.push('conflicting');
    else if (!usable.has(stream)) reasons.push('unrestorable');
    if ((copies.get(stream.contents)?.length ?? 0) > 1) reasons.push('twice');
    if (awaited.some((digits) => stream.uuid.startsWith(digits))) reasons.push('needed');
    return reasons;
  };
}

/** Keeps a stream, and every stream that brings a state that it requires, and so on. */
function addWithNeeds<S extends Candidate>(
  stream: S,
  reasons: readonly KeepReason[],
  stay: Stay<S>,
  byState: ReadonlyMap<string, readonly S[]>,
  states: States,
): void {
  const own = stay.get(stream) ?? [];
  stay.set(stream, [...own, ...reasons.filter((reason) => !own.includes(reason))]);
  const reached = [stream];
  for (let at = reached.pop(); at !== undefined; at = reached.pop()) {
    for (const provider of at.requires.flatMap((need) => byState.get(states.of(need)) ?? [])) {
      if (stay.has(provider)) continue;
      stay.set(provider, []);
      reached.push(provider);
    }
  }
}

/** The snapshots, by their state, that the policy keeps, and why. */
function wantedSnapshots<S extends Candidate>(
  { streams, policy, now }: RetentionFacts<S>,
  { states, list }: Outlooks<S>,
): Map<string, readonly KeepReason[]> {
  const usable = new Set(list.flatMap(({ receivable: some }) => some));
  const ofState = groupBy(
    streams.filter((stream) => usable.has(stream)),
    (stream) => states.of(stream),
  );
  const snapshots = [...ofState].map(([state, [first, ...others]]) =>
    snapshotOf(state, first as S, others),
  );
  const wanted = new Map<string, readonly KeepReason[]>();
  for (const family of groupBy(snapshots, (snapshot) => snapshot.family).values()) {
    for (const [{ state }, reasons] of keptBy(policy, family.toReversed(), now)) {
      wanted.set(state, reasons);
    }
  }
  return wanted;
}

interface Snapshot extends Judged {
  readonly state: string;
  readonly family: string;
}

/** The snapshot that several streams bring. One of them may know more than the others. */
function snapshotOf<S extends Candidate>(state: string, first: S, others: readonly S[]): Snapshot {
  const all = [first, ...others];
  const madeAt = all.flatMap((stream) => stream.madeAt ?? []).toSorted((a, b) => a - b)[0];
  return {
    state,
    family: first.family,
    madeAt,
    isOrdered: all.some(({ isOrdered }) => isOrdered),
  };
}

/**
 * Keeps streams whose records alone show that a requirement is met, as those of a relay can: without
 * them, a stream that stays would lack what it requires.
 *
 * @param promised for each outlook the streams that it must still be able to receive
 */
function keepLinks<S extends Candidate>(
  promised: readonly ReadonlySet<S>[],
  stay: Stay<S>,
  { streams, surroundings }: RetentionFacts<S>,
  byState: ReadonlyMap<string, readonly S[]>,
  states: States,
): void {
  for (;;) {
    const rest = streams.filter((stream) => stay.has(stream));
    const left = outlooksOf(rest, surroundings).list.map((each) => new Set(each.receivable));
    const lost = promised.flatMap((list, at) => [...list].filter((each) => !left[at]?.has(each)));
    if (lost.length === 0) return;
    const uuids = new Set(lost.flatMap(uuidsOf));
    const gone = streams.filter((stream) => !stay.has(stream));
    const linking = gone.filter((stream) => uuidsOf(stream).some((uuid) => uuids.has(uuid)));
    for (const stream of linking.length > 0 ? linking : gone) {
      addWithNeeds(stream, ['record'], stay, byState, states);
    }
    if (gone.length === 0) return;
  }
}

function uuidsOf({ uuid, requires }: Candidate): string[] {
  return [uuid, ...requires.map((need) => need.uuid)];
}

/** Orders the streams that do not stay, each before those that it requires. */
function inOrderOfRemoval<S extends Candidate>(
  streams: readonly S[],
  stay: Stay<S>,
  states: States,
): S[] {
  const removed = streams.filter((stream) => !stay.has(stream));
  const provided = statesOf(removed, states);
  const elsewhere = [...stay.keys(), ...removed.flatMap((each) => unmetBy(each, provided, states))];
  const order = new Set(receivable(removed, elsewhere, states));
  // Streams that require each other come in any order.
  return [...order, ...removed.filter((stream) => !order.has(stream))].reverse();
}

function explained<S extends Candidate>(
  streams: readonly S[],
  stay: Stay<S>,
  wanted: ReadonlyMap<string, readonly KeepReason[]>,
  states: States,
): KeptStream<S>[] {
  const dependents = new Map<string, S[]>();
  for (const stream of stay.keys()) {
    for (const state of statesOf(stream.requires, states)) {
      const list = dependents.get(state);
      if (list === undefined) dependents.set(state, [stream]);
      else list.push(stream);
    }
  }
  return streams.flatMap((stream) => {
    const own = stay.get(stream);
    if (own === undefined) return [];
    const neededBy = dependents.get(states.of(stream)) ?? [];
    const reasons = [...(wanted.get(states.of(stream)) ?? []), ...own];
    const isNeeded = reasons.length === 0 || neededBy.length > 0;
    if (isNeeded && !reasons.includes('needed')) reasons.push('needed');
    return [{ stream, reasons, neededBy }];
  });
}
