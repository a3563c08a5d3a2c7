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
  reachable: Map<string, S[]>,
  present: Map<string, Present[]>,
): Refused<S>[] {
  const byUuid = groupBy(streams, (stream) => stream.uuid);
  const refused: Refused<S>[] = [];
  for (const uuid of wanted) {
    if (reachable.has(uuid)) continue;
    for (const stream of byUuid.get(uuid) ?? []) {
      refused.push({ stream, missing: rootsMissing(stream, byUuid, reachable, present) });
    }
  }
  return refused;
}

function rootsMissing<S extends GraphStream>(
  stream: S,
  byUuid: Map<string, S[]>,
  reachable: Map<string, S[]>,
  present: Map<string, Present[]>,
): ManifestRequirement[] {
  const missing = new Map<string, ManifestRequirement>();
  const seen = new Set<S>([stream]);
  const open = [stream];
  while (open.length > 0) {
    const current = open.pop() as S;
    for (const requirement of current.requires) {
      const fits = (p: Pick<Present, 'uuid' | 'ctransid' | 'relayed'>) => satisfies(requirement, p);
      if (present.get(requirement.uuid)?.some(fits)) continue;
      if (reachable.get(requirement.uuid)?.some(fits)) continue;
      const providers = (byUuid.get(requirement.uuid) ?? []).filter(fits);
      if (providers.length === 0) {
        missing.set(`${requirement.uuid}/${requirement.ctransid}`, requirement);
      }
      for (const provider of providers) {
        if (seen.has(provider)) continue;
        seen.add(provider);
        open.push(provider);
      }
    }
  }
  return [...missing.values()];
}
