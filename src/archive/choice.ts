import type { ManifestRequirement } from '../manifest/schema.ts';
import { cheapestChoice } from './cheapest.ts';
import {
  type GraphStream,
  groupBy,
  inOrder,
  type Present,
  receivable,
  satisfies,
  unmetBy,
} from './graph.ts';

/** Which streams to receive so that what is wanted is there in the end, and why not others. */

export interface Refused<S> {
  readonly stream: S;
  /** What is absent at the root of it: requirements that nothing provides, each once. */
  readonly missing: readonly ManifestRequirement[];
}

export interface Choice<S> {
  /** The streams to receive, each after all that it requires. */
  readonly order: readonly S[];
  readonly refused: readonly Refused<S>[];
  /** False when alternatives were too many to try all: the choice is good, maybe not the best. */
  readonly cheapest: boolean;
}

/**
 * Chooses which streams to receive so that every goal is there in the end, at the least stored
 * bytes. `goals` are UUIDs; one that is present already costs nothing.
 */
export function choose<S extends GraphStream>(
  streams: readonly S[],
  present: readonly Present[],
  goals: readonly string[],
): Choice<S> {
  const order = receivable(streams, present);
  const alternatives = groupBy(order, (stream) => stream.uuid);
  const presentByUuid = groupBy(present, (p) => p.uuid);
  const wanted = [...new Set(goals)].filter((uuid) => !presentByUuid.has(uuid));
  const needs = (stream: S) => unmetBy(stream, presentByUuid);

  const reachable = wanted.filter((uuid) => alternatives.has(uuid));
  const { chosen, cheapest } = cheapestChoice({ alternatives, needs, goals: reachable, order });
  const contradicted =
    chosen === undefined ? reachable.flatMap((u) => alternatives.get(u) ?? []) : [];
  return {
    order: chosen === undefined ? [] : inOrder(chosen, needs, order),
    refused: [
      ...refusals(streams, wanted, alternatives, presentByUuid),
      ...contradicted.map((stream) => ({ stream, missing: needs(stream) })),
    ],
    cheapest,
  };
}

/** For each goal out of reach: its streams, and what is missing at the root of them. */
function refusals<S extends GraphStream>(
  streams: readonly S[],
  wanted: readonly string[],
  reachable: ReadonlyMap<string, S[]>,
  present: ReadonlyMap<string, Present[]>,
): Refused<S>[] {
  const byUuid = groupBy(streams, (stream) => stream.uuid);
  const goals = wanted.filter((uuid) => !reachable.has(uuid));
  const refused = goals.flatMap((uuid) => byUuid.get(uuid) ?? []);
  if (refused.length === 0) return [];
  const open = (stream: S) =>
    unmetBy(stream, present).filter(
      (requirement) => !reachable.get(requirement.uuid)?.some((s) => satisfies(requirement, s)),
    );
  const missing = rootsMissing(streams, byUuid, open);
  return refused.map((stream) => ({ stream, missing: [...(missing.get(stream)?.values() ?? [])] }));
}

/**
 * What is missing at the root of each stream, by identity: first what the stream itself names,
 * then what those that it builds on name. Takes as long as what it finds is large.
 */
function rootsMissing<S extends GraphStream>(
  streams: readonly S[],
  byUuid: ReadonlyMap<string, readonly S[]>,
  open: (stream: S) => readonly ManifestRequirement[],
): Map<S, Map<string, ManifestRequirement>> {
  const missing = new Map<S, Map<string, ManifestRequirement>>();
  const dependents = new Map<S, S[]>();
  const named: { stream: S; key: string; requirement: ManifestRequirement }[] = [];
  for (const stream of streams) {
    const own = new Map<string, ManifestRequirement>();
    missing.set(stream, own);
    for (const requirement of open(stream)) {
      const bearers = byUuid.get(requirement.uuid) ?? [];
      const providers = bearers.filter((bearer) => satisfies(requirement, bearer));
      for (const provider of providers) {
        if (!dependents.get(provider)?.push(stream)) dependents.set(provider, [stream]);
      }
      if (providers.length > 0) continue;
      const key = `${requirement.uuid}/${requirement.ctransid}`;
      own.set(key, requirement);
      named.push({ stream, key, requirement });
    }
  }
  for (const { stream, key, requirement } of named) {
    const reached = [stream];
    for (let at = reached.pop(); at !== undefined; at = reached.pop()) {
      for (const dependent of dependents.get(at) ?? []) {
        if (missing.get(dependent)?.has(key)) continue;
        missing.get(dependent)?.set(key, requirement);
        reached.push(dependent);
      }
    }
  }
  return missing;
}
