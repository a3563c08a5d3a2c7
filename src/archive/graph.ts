import type { ManifestRequirement } from '../manifest/schema.ts';

/**
 * The graph of identities: which streams can be received where something is present already,
 * and which of them to receive. Pure functions of facts; `present` is what a destination (or
 * nothing at all) has.
 */

/** As much of a stored stream as the graph needs. */
export interface GraphStream {
  readonly uuid: string;
  readonly ctransid: string;
  /** The producing filesystem had received the snapshot itself: its ctransid is a local one. */
  readonly relayed: boolean;
  /** Parent first, then clone sources. */
  readonly requires: readonly ManifestRequirement[];
  /** Stored bytes: what choosing it costs. */
  readonly cost: number;
}

/** A subvolume that can serve as a parent or clone source. */
export interface Present {
  readonly uuid: string;
  /** Undefined where it isn't known: then it meets no requirement. */
  readonly ctransid: string | undefined;
  readonly relayed?: boolean;
}

/**
 * Whether `provider` is what `requirement` names. UUIDs must be equal. ctransids too, unless one
 * side took the snapshot from a filesystem that had itself received it: `send` then puts a local
 * ctransid beside the original UUID, and the two can't be compared.
 */
export function satisfies(
  requirement: ManifestRequirement,
  provider: Pick<Present, 'uuid' | 'ctransid' | 'relayed'>,
): boolean {
  if (requirement.uuid !== provider.uuid) return false;
  if (provider.ctransid === undefined) return false;
  if (requirement.ctransid === provider.ctransid) return true;
  return requirement.relayed === true || provider.relayed === true;
}

/** The streams that can be received, in an order in which they can be. Linear in the graph. */
export function receivable<S extends GraphStream>(
  streams: readonly S[],
  present: readonly Present[],
): S[] {
  const presentByUuid = groupBy(present, (p) => p.uuid);
  const waiting = new Map<string, { stream: S; requirement: ManifestRequirement }[]>();
  const unmet = new Map<S, number>();
  const order: S[] = [];

  for (const stream of streams) {
    const open = unmetBy(stream, presentByUuid);
    unmet.set(stream, open.length);
    for (const requirement of open) {
      const list = waiting.get(requirement.uuid) ?? [];
      list.push({ stream, requirement });
      waiting.set(requirement.uuid, list);
    }
    if (open.length === 0) order.push(stream);
  }
  for (let at = 0; at < order.length; at++) {
    const provider = order[at] as S;
    const still: { stream: S; requirement: ManifestRequirement }[] = [];
    for (const entry of waiting.get(provider.uuid) ?? []) {
      if (!satisfies(entry.requirement, provider)) {
        still.push(entry);
        continue;
      }
      const left = (unmet.get(entry.stream) ?? 0) - 1;
      unmet.set(entry.stream, left);
      if (left === 0) order.push(entry.stream);
    }
    waiting.set(provider.uuid, still);
  }
  return order;
}

/** What `stream` requires beyond what is present. */
export function unmetBy(
  stream: GraphStream,
  present: ReadonlyMap<string, Present[]>,
): ManifestRequirement[] {
  return stream.requires.filter((r) => !present.get(r.uuid)?.some((p) => satisfies(r, p)));
}

export function groupBy<T>(list: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of list) {
    const group = groups.get(key(item));
    if (group === undefined) groups.set(key(item), [item]);
    else group.push(item);
  }
  return groups;
}

/**
 * The chosen streams, each after its requirements, else as in `like`; those in a circle, or
 * behind one, are left out.
 */
export function inOrder<S extends GraphStream>(
  chosen: ReadonlyMap<string, S>,
  needs: (stream: S) => readonly ManifestRequirement[],
  like: readonly S[],
): S[] {
  const sorted = like.filter((stream) => chosen.get(stream.uuid) === stream);
  const unmet = new Map<S, number>();
  const dependents = new Map<S, S[]>();
  for (const stream of sorted) {
    const providers = needs(stream).map((r) => chosen.get(r.uuid) as S);
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
