import type { ByteString } from '../../names/byte-string.ts';
import { linkStates, type StateRecord, type States } from '../../names/state.ts';

/**
 * The graph of states: which streams can be received where something is present already. Pure
 * functions of facts; `present` is what a destination (or nothing at all) has, and `states` tells
 * which records are of one state: {@link linkedStates}.
 */

/** A state that the destination must have. */
export interface Requirement extends StateRecord {
  /** What the producer calls it, for people. */
  readonly name?: ByteString;
}

/** As much of a stored stream as the graph needs: the state that it brings, and what it takes. */
export interface GraphStream extends StateRecord {
  /** Parent first, then clone sources. */
  readonly requires: readonly Requirement[];
  /** Stored bytes: what choosing it costs. */
  readonly cost: number;
}

/** The states of streams and of what they require, and of the `others` at hand. */
export function linkedStates(
  streams: readonly GraphStream[],
  others: Iterable<StateRecord> = [],
): States {
  return linkStates([...streamRecords(streams), ...others]);
}

/** The states that streams bring and that they require. */
export function streamRecords(streams: readonly GraphStream[]): StateRecord[] {
  return streams.flatMap((stream) => [stream, ...stream.requires]);
}

/** The states of some records. */
export function statesOf(records: readonly StateRecord[], states: States): Set<string> {
  return new Set(records.map((record) => states.of(record)));
}

/** What `stream` requires beyond the states that are present. */
export function unmetBy(
  stream: GraphStream,
  present: { has(state: string): boolean },
  states: States,
): Requirement[] {
  return stream.requires.filter((requirement) => !present.has(states.of(requirement)));
}

/** The streams that can be received, in an order in which they can be. Linear in the graph. */
export function receivable<S extends GraphStream>(
  streams: readonly S[],
  present: readonly StateRecord[],
  states: States,
): S[] {
  const there = statesOf(present, states);
  const waiting = new Map<string, S[]>();
  const unmet = new Map<S, number>();
  const order: S[] = [];
  for (const stream of streams) {
    const open = unmetBy(stream, there, states);
    unmet.set(stream, open.length);
    for (const requirement of open) append(waiting, states.of(requirement), stream);
    if (open.length === 0) order.push(stream);
  }
  for (let at = 0; at < order.length; at++) {
    const brought = states.of(order[at] as S);
    for (const stream of waiting.get(brought) ?? []) {
      const left = (unmet.get(stream) ?? 0) - 1;
      unmet.set(stream, left);
      if (left === 0) order.push(stream);
    }
    waiting.delete(brought);
  }
  return order;
}

/**
 * Streams that bring different states under one UUID, as far as any record tells, by that UUID.
 * `btrfs receive` finds a parent by UUID alone, so no more than one of them is what a later
 * stream needs, and nothing tells which.
 */
export function conflicts<S extends GraphStream>(
  streams: readonly S[],
  states: States,
): Map<string, S[]> {
  const byUuid = groupBy(streams, ({ uuid }) => uuid);
  const found = new Map<string, S[]>();
  for (const [uuid, list] of byUuid) {
    if (statesOf(list, states).size > 1) found.set(uuid, list);
  }
  return found;
}

export function groupBy<T>(list: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of list) append(groups, key(item), item);
  return groups;
}

function append<T>(groups: Map<string, T[]>, key: string, item: T): void {
  const group = groups.get(key);
  if (group === undefined) groups.set(key, [item]);
  else group.push(item);
}

/**
 * The chosen streams, by the state that each brings, each after its requirements, else as in
 * `like`; those in a circle, or behind one, are left out.
 *
 * @param needs the states that a stream takes from others that were chosen
 */
export function inOrder<S extends GraphStream>(
  chosen: ReadonlyMap<string, S>,
  needs: (stream: S) => readonly string[],
  like: readonly S[],
): S[] {
  const selected = new Set(chosen.values());
  const sorted = like.filter((stream) => selected.has(stream));
  const unmet = new Map<S, number>();
  const dependents = new Map<S, S[]>();
  for (const stream of sorted) {
    const providers = needs(stream).map((state) => chosen.get(state) as S);
    unmet.set(stream, providers.length);
    for (const provider of providers) {
      const list = dependents.get(provider) ?? [];
      list.push(stream);
      dependents.set(provider, list);
    }
  }
  const order = sorted.filter((stream) => unmet.get(stream) === 0);
  for (let at = 0; at < order.length; at++) {
    for (const dependent of dependents.get(order[at] as S) ?? []) {
      const left = (unmet.get(dependent) ?? 0) - 1;
      unmet.set(dependent, left);
      if (left === 0) order.push(dependent);
    }
  }
  return order;
}
