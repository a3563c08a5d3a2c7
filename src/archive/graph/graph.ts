import type { ByteString } from '../../names/byte-string.ts';
import { linkStates, type StateRecord, type States } from '../../names/state.ts';

/**
 * The graph of states shows which streams a destination can receive. These are pure functions.
 * `present` are the states that the destination has, and `states` tells which records name the same
 * state: {@link linkedStates}.
 */

/** A state that the destination must have. */
export interface Requirement extends StateRecord {
  /** Its name at the source, for people. */
  readonly name?: ByteString;
}

/**
 * A stored stream as the graph sees it: the state that it brings, and the states that it requires.
 */
export interface GraphStream extends StateRecord {
  /** Parent first, then clone sources. */
  readonly requires: readonly Requirement[];
  /** Bytes of its stored parts. {@link choose} keeps their sum small. */
  readonly storedBytes: number;
}

/** Links the records of streams, of their requirements, and `others`. */
export function linkedStates(
  streams: readonly GraphStream[],
  others: Iterable<StateRecord> = [],
): States {
  return linkStates([...streamRecords(streams), ...others]);
}

/** The records of the states that streams bring and require. */
export function streamRecords(streams: readonly GraphStream[]): StateRecord[] {
  return streams.flatMap((stream) => [stream, ...stream.requires]);
}

/** The states of some records. */
export function statesOf(records: readonly StateRecord[], states: States): Set<string> {
  return new Set(records.map((record) => states.of(record)));
}

/** The requirements of a stream that are not present. */
export function unmetBy(
  stream: GraphStream,
  present: { has(state: string): boolean },
  states: States,
): Requirement[] {
  return stream.requires.filter((requirement) => !present.has(states.of(requirement)));
}

/** The streams that can be received, each after those that it requires. Runs in linear time. */
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
 * Finds streams that bring different states under one UUID, as far as records show, by that UUID.
 * `btrfs receive` finds a parent by UUID alone, so a later stream needs exactly one of them, and
 * nothing shows which.
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
 * Sorts chosen streams so that each follows its requirements, and otherwise keeps the order of
 * `like`. Leaves out streams in a circle and those that depend on one.
 *
 * @param chosen streams by the state that they bring
 * @param needs the states of other chosen streams that a stream requires
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
