import type { StateRecord, States } from '../../names/state.ts';
import { cheapestChoice } from './cheapest.ts';
import {
  type GraphStream,
  groupBy,
  inOrder,
  type Requirement,
  receivable,
  statesOf,
  unmetBy,
} from './graph.ts';

/** Chooses the streams to receive, and finds the reasons why others cannot be. */

export interface Refused<S> {
  readonly stream: S;
  /**
   * The requirements that block the stream in the end: no stream provides them. If streams require
   * each other in a circle, its own requirements that are absent.
   */
  readonly missing: readonly Requirement[];
}

export interface Choice<S> {
  /** The streams to receive, each after all streams that it requires. */
  readonly order: readonly S[];
  readonly refused: readonly Refused<S>[];
  /** False if there were too many alternatives to try: then a cheaper choice may exist. */
  readonly cheapest: boolean;
}

/**
 * Chooses the set of streams with the fewest stored bytes that brings every goal that can be reached.
 * Returns the streams of the other goals as refused.
 *
 * @param goals states. One that is present already needs no stream.
 */
export function choose<S extends GraphStream>(
  streams: readonly S[],
  present: readonly StateRecord[],
  goals: Iterable<string>,
  states: States,
): Choice<S> {
  const order = receivable(streams, present, states);
  const stateOf = (stream: S) => states.of(stream);
  const alternatives = groupBy(order, stateOf);
  const there = statesOf(present, states);
  const wanted = [...new Set(goals)].filter((state) => !there.has(state));
  const missingBy = (stream: S) => unmetBy(stream, there, states);
  const needs = (stream: S) => [...statesOf(missingBy(stream), states)];

  const reachable = wanted.filter((state) => alternatives.has(state));
  const problem = { alternatives, needs, stateOf, goals: reachable, order };
  const { chosen, cheapest } = cheapestChoice(problem);
  const contradicted =
    chosen === undefined ? reachable.flatMap((state) => alternatives.get(state) ?? []) : [];
  return {
    order: chosen === undefined ? [] : inOrder(chosen, needs, order),
    refused: [
      ...refusals(streams, wanted, alternatives, missingBy, states),
      ...contradicted.map((stream) => ({ stream, missing: missingBy(stream) })),
    ],
    cheapest,
  };
}

/**
 * Lists the streams of every goal that cannot be reached, each with the requirements that block it in
 * the end.
 */
function refusals<S extends GraphStream>(
  streams: readonly S[],
  wanted: readonly string[],
  reachable: ReadonlyMap<string, S[]>,
  missingBy: (stream: S) => Requirement[],
  states: States,
): Refused<S>[] {
  const byState = groupBy(streams, (stream) => states.of(stream));
  const goals = wanted.filter((state) => !reachable.has(state));
  const refused = goals.flatMap((state) => byState.get(state) ?? []);
  if (refused.length === 0) return [];
  const open = (stream: S) =>
    missingBy(stream).filter((requirement) => !reachable.has(states.of(requirement)));
  const missing = rootsMissing(streams, byState, open, states);
  return refused.map((stream) => ({ stream, missing: [...(missing.get(stream)?.values() ?? [])] }));
}

/**
 * Collects for each stream the requirements that no stream provides, by state: first its own, then
 * those of the streams that it builds on. Passes each along each dependency at most once.
 */
function rootsMissing<S extends GraphStream>(
  streams: readonly S[],
  byState: ReadonlyMap<string, readonly S[]>,
  open: (stream: S) => readonly Requirement[],
  states: States,
): Map<S, Map<string, Requirement>> {
  const missing = new Map<S, Map<string, Requirement>>();
  const dependents = new Map<S, S[]>();
  const named: { stream: S; state: string; requirement: Requirement }[] = [];
  for (const stream of streams) {
    const own = new Map<string, Requirement>();
    missing.set(stream, own);
    for (const requirement of open(stream)) {
      const state = states.of(requirement);
      const providers = byState.get(state) ?? [];
      for (const provider of providers) {
        if (!dependents.get(provider)?.push(stream)) dependents.set(provider, [stream]);
      }
      if (providers.length > 0) continue;
      own.set(state, requirement);
      named.push({ stream, state, requirement });
    }
  }
  for (const { stream, state, requirement } of named) {
    const reached = [stream];
    for (let at = reached.pop(); at !== undefined; at = reached.pop()) {
      for (const dependent of dependents.get(at) ?? []) {
        if (missing.get(dependent)?.has(state)) continue;
        missing.get(dependent)?.set(state, requirement);
        reached.push(dependent);
      }
    }
  }
  return missing;
}
