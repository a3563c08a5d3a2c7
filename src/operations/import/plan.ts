import { choose } from '../../archive/graph/choice.ts';
import { groupBy, statesOf, unmetBy } from '../../archive/graph/graph.ts';
import { select } from '../../archive/read/selection.ts';
import { byAge, type StoredStream } from '../../archive/read/stored-stream.ts';
import { familiesOf } from '../../archive/retention/candidate.ts';
import type { Warning } from '../../events/warning.ts';
import type { Failure } from '../../failure/failure.ts';
import type { States } from '../../names/state.ts';
import { namedByPlace, type StreamName } from '../../names/title.ts';
import { genuineIn, usableAmong } from './destination.ts';
import { type ImportStep, receivedNames } from './names.ts';
import { whyMissing, whyNotPresent, whyUnfit } from './reason.ts';
import { conflictFailure } from './refusal.ts';
import { type ImportFacts, type ImportView, viewOf } from './view.ts';

export interface RefusedStream extends StreamName {
  readonly failure: Failure;
}

export interface ImportPlan {
  /** The streams that each word of `only` names. */
  readonly only: readonly { readonly word: string; readonly streams: readonly StreamName[] }[];
  /** The streams to receive, each after those that it builds on. */
  readonly steps: readonly ImportStep[];
  /** Wanted streams whose subvolume is at the destination. */
  readonly present: readonly StoredStream[];
  /** Streams whose subvolume was at the destination once, and was removed there. */
  readonly removed: readonly StoredStream[];
  /** Damage comes first, then streams in the order of their age. */
  readonly refused: readonly RefusedStream[];
  readonly warnings: readonly Warning[];
}

/**
 * Decides which streams to receive, in which order, and why others are refused. Pure: the same facts
 * give the same plan.
 *
 * @throws {Failure} `not-found` if `only` names a stream that no archive has; `usage` if the template
 *   makes no names
 */
export function planImport(facts: ImportFacts): ImportPlan {
  const view = viewOf(facts);
  const { states } = view;
  const only = facts.only.map((word) => ({ word, found: select(facts.streams, word) }));
  const wanted = only.length === 0 ? facts.streams : only.flatMap(({ found }) => found);
  const wantedByState = groupBy([...new Set(wanted)], (stream) => states.of(stream));
  const refusals = new Refusals(view);
  const { present, removed, goals } = sortWanted(wantedByState, view, refusals);
  const order = chooseStreams(goals, wantedByState, view, refusals);
  // A stream whose manifest is lost may be the one that another needs.
  if (facts.only.length === 0 || !refusals.isEmpty) refusals.addDamaged();
  const { steps, warnings } = receivedNames(order, facts.taken, facts.template);
  return {
    only: only.map(({ word, found }) => ({ word, streams: uniqueNames(found) })),
    steps,
    present,
    removed,
    refused: refusals.inOrderOf([...wantedByState.keys()]),
    warnings,
  };
}

/**
 * Separates the wanted states: those that are present, those that were removed, those to refuse, and
 * the goals. A removed one is a goal if the user names it, or asks for all of them; and if nothing
 * newer shows that the destination went on without it, because a filesystem that was set back, or
 * emptied, lacks what its receipts list, too.
 */
function sortWanted(
  wantedByState: ReadonlyMap<string, readonly StoredStream[]>,
  { facts, bearers, conflicting, states }: ImportView,
  refusals: Refusals,
): { present: StoredStream[]; removed: StoredStream[]; goals: string[] } {
  const named = facts.only.length > 0 || facts.again;
  const had = named ? new Set() : statesOf(facts.earlier, states);
  const wentPast = passing(facts.streams, usableStates(bearers, states), states);
  const present: StoredStream[] = [];
  const removed: StoredStream[] = [];
  const goals: string[] = [];
  for (const [state, [stream]] of wantedByState) {
    if (stream === undefined) continue;
    const here = bearers.get(stream.uuid) ?? [];
    const others = conflicting.get(stream.uuid);
    if (genuineIn(here, state, states) !== undefined) present.push(stream);
    else if (here.length > 0) refusals.add(stream, whyNotPresent(stream, here));
    else if (had.has(state) && wentPast(stream)) removed.push(stream);
    else if (others !== undefined) refusals.add(stream, conflictFailure(stream, others));
    else goals.push(state);
  }
  return { present, removed, goals };
}

/**
 * Tells whether the destination can go on without a stream: a newer one of its family is there, or can
 * be received next.
 *
 * @param present the states at the destination that streams can build on
 */
function passing(
  streams: readonly StoredStream[],
  present: ReadonlySet<string>,
  states: States,
): (stream: StoredStream) => boolean {
  const familyOf = familiesOf(streams);
  const reached = streams.filter(
    (stream) =>
      present.has(states.of(stream)) ||
      (stream.requires.length > 0 && unmetBy(stream, present, states).length === 0),
  );
  const newest = new Map<string, StoredStream>();
  for (const stream of reached.toSorted(byAge)) newest.set(familyOf(stream), stream);
  return (stream) => {
    const other = newest.get(familyOf(stream));
    return other !== undefined && other !== stream && byAge(stream, other) < 0;
  };
}

function usableStates(bearers: ImportView['bearers'], states: States): Set<string> {
  return statesOf(
    usableAmong(bearers).map(({ state }) => state),
    states,
  );
}

/** Chooses the streams that reach the goals, in the order in which they can be received. */
function chooseStreams(
  goals: readonly string[],
  wantedByState: ReadonlyMap<string, readonly StoredStream[]>,
  view: ImportView,
  refusals: Refusals,
): readonly StoredStream[] {
  const { facts, bearers, conflicting, states, unfit } = view;
  // A UUID that is at the destination must not be received a second time, whatever bears it.
  const candidates = facts.streams.filter(
    (stream) => !unfit.has(stream) && !bearers.has(stream.uuid) && !conflicting.has(stream.uuid),
  );
  const usable = usableAmong(bearers).map(({ state }) => state);
  const { order, refused } = choose(candidates, usable, goals, states);
  for (const { stream, missing } of refused) {
    refusals.add(stream, whyMissing(stream, missing, view));
  }
  const reached = new Set(
    [...order, ...refused.map(({ stream }) => stream)].map((stream) => states.of(stream)),
  );
  for (const state of goals.filter((goal) => !reached.has(goal))) {
    const [stream] = wantedByState.get(state) as [StoredStream];
    refusals.add(stream, whyUnfit(stream, view));
  }
  return order;
}

/** The refused streams: one for each state, with the first reason. */
class Refusals {
  readonly #view: ImportView;
  /** By state, or by directory for a stream whose manifest cannot be used. */
  readonly #refused = new Map<string, RefusedStream>();

  constructor(view: ImportView) {
    this.#view = view;
  }

  get isEmpty(): boolean {
    return this.#refused.size === 0;
  }

  add(stream: StoredStream, failure: Failure): void {
    const state = this.#view.states.of(stream);
    if (!this.#refused.has(state)) this.#refused.set(state, { ...stream.called, failure });
  }

  addDamaged(): void {
    for (const { directory, failure } of this.#view.facts.damaged) {
      const name = namedByPlace(directory.replace(/^.*\//, ''));
      this.#refused.set(directory, { ...name, failure });
    }
  }

  /** Damage comes first, because other refusals may follow from it. */
  inOrderOf(states: readonly string[]): RefusedStream[] {
    const places = new Map(states.map((state, at) => [state, at]));
    const place = ([key]: [string, RefusedStream]) => places.get(key) ?? -1;
    return [...this.#refused].toSorted((a, b) => place(a) - place(b)).map(([, refused]) => refused);
  }
}

/** Names each stream once, however many archives have a copy. */
function uniqueNames(streams: readonly StoredStream[]): StreamName[] {
  return [...new Map(streams.map(({ uuid, called }) => [uuid, called])).values()];
}
