import type { StateRecord, States } from '../../names/state.ts';
import { choose } from '../graph/choice.ts';
import { conflicts, linkedStates, receivable, statesOf, unmetBy } from '../graph/graph.ts';
import type { Candidate } from './candidate.ts';

/** The records that decide what streams can be received. */
export interface Surroundings {
  /** The states that the receipt of each destination lists, as `--received-by` names them. */
  readonly destinations: readonly (readonly StateRecord[])[];
  /** The states of fingerprints: a destination adopts a copy as them. */
  readonly bases: readonly StateRecord[];
  /** Further records that link states. */
  readonly links: readonly StateRecord[];
}

/** The streams that can be received where some states are present already. */
export interface Outlook<S> {
  readonly present: readonly StateRecord[];
  /** The streams that can be received there, each after those that it requires. */
  readonly receivable: readonly S[];
}

export interface Outlooks<S> {
  readonly states: States;
  /** Streams whose UUID the archive has in another state. */
  readonly conflicting: ReadonlySet<S>;
  /**
   * Where the archive may be needed. A stream that the first of them can receive need not stay
   * receivable in the others, and so on.
   */
  readonly list: readonly Outlook<S>[];
}

/**
 * The outlooks of some streams: at destinations that have what their receipts say, if any are named; on
 * an empty filesystem; and on one that has a copy for each fingerprint.
 */
export function outlooksOf<S extends Candidate>(
  streams: readonly S[],
  { destinations, bases, links }: Surroundings,
): Outlooks<S> {
  const states = linkedStates(streams, [...destinations.flat(), ...bases, ...links]);
  const disputed = conflicts(streams, states);
  const certain = streams.filter(({ isWhole, uuid }) => isWhole && !disputed.has(uuid));
  const outlook = (present: readonly StateRecord[], usable: readonly S[] = certain) => ({
    present,
    receivable: receivable(usable, present, states),
  });
  const [first, ...others] = destinations.map((records) => ({
    records,
    states: statesOf(records, states),
    uuids: new Set(records.map(({ uuid }) => uuid)),
  }));
  const atDestinations = () => {
    const all = first === undefined ? [] : [first, ...others];
    const present = first?.records.filter((record) =>
      others.every((other) => other.states.has(states.of(record))),
    );
    // `btrfs receive` finds a parent by UUID alone, so an import adds no second state of one.
    const usable = certain.filter((stream) =>
      all.every((each) => each.states.has(states.of(stream)) || !each.uuids.has(stream.uuid)),
    );
    return outlook(present ?? [], usable);
  };
  return {
    states,
    conflicting: new Set(streams.filter(({ uuid }) => disputed.has(uuid))),
    list: [...(first === undefined ? [] : [atDestinations()]), outlook([]), outlook(bases)],
  };
}

/**
 * Chooses the streams, with few stored bytes, that an outlook needs to bring each of the goals. A goal
 * that is present already keeps a stream of its own.
 *
 * @param goals states, each brought by a receivable stream
 */
export function streamsFor<S extends Candidate>(
  goals: ReadonlySet<string>,
  { present, receivable: usable }: Outlook<S>,
  states: States,
): readonly S[] {
  const there = statesOf(present, states);
  const wanted = new Set([...goals].filter((goal) => !there.has(goal)));
  const own = new Map<string, S>();
  for (const stream of usable) {
    const state = states.of(stream);
    if (!goals.has(state) || !there.has(state)) continue;
    const other = own.get(state);
    const [needs, others] = [stream, other].map((each) =>
      each === undefined ? Number.POSITIVE_INFINITY : unmetBy(each, there, states).length,
    ) as [number, number];
    const isSmaller = needs === others && stream.storedBytes < (other?.storedBytes ?? 0);
    if (needs < others || isSmaller) own.set(state, stream);
  }
  for (const stream of own.values()) {
    for (const need of unmetBy(stream, there, states)) wanted.add(states.of(need));
  }
  const { order } = choose(usable, present, wanted, states);
  const brought = statesOf(order, states);
  // Too many alternatives to choose from.
  if ([...wanted].some((state) => !brought.has(state))) return usable;
  return [...own.values(), ...order];
}
