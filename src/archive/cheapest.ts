import type { ManifestRequirement } from '../manifest/schema.ts';
import { type GraphStream, inOrder, satisfies } from './graph.ts';

/**
 * Work that may go into looking for a cheaper choice, in streams looked at. It bounds the time
 * to about a second; ordinary archives need next to nothing of it.
 */
const WORK_LIMIT = 5_000_000;

export interface Problem<S> {
  /** Streams that can be received, by UUID. */
  readonly alternatives: ReadonlyMap<string, readonly S[]>;
  /** What a stream requires that is not present. */
  readonly needs: (stream: S) => readonly ManifestRequirement[];
  /** UUIDs to reach, each with at least one alternative. */
  readonly goals: readonly string[];
  /** All of `alternatives`, in an order in which they can be received. */
  readonly order: readonly S[];
}

export interface Cheapest<S> {
  /** One stream for each UUID needed; undefined when no choice fits together. */
  readonly chosen: ReadonlyMap<string, S> | undefined;
  /** Nothing cheaper exists. */
  readonly cheapest: boolean;
}

type Chosen<S> = Map<string, S>;

/**
 * The cheapest set of streams that brings every goal and all it requires, without a circle.
 * In general this is a Steiner problem, so: two quick ways give an upper bound, then branch and
 * bound over the UUIDs that have real alternatives. A UUID with a single stream is forced.
 */
export function cheapestChoice<S extends GraphStream>(problem: Problem<S>): Cheapest<S> {
  const ways = new Map<string, readonly S[]>();
  for (const [uuid, list] of problem.alternatives) ways.set(uuid, withoutDominated(list));

  let best: Chosen<S> | undefined;
  let bestCost = Number.POSITIVE_INFINITY;
  const offer = (chosen: Chosen<S> | undefined) => {
    if (chosen === undefined || !holds(chosen, problem)) return;
    const cost = [...chosen.values()].reduce((sum, stream) => sum + stream.cost, 0);
    if (cost < bestCost) [best, bestCost] = [new Map(chosen), cost];
  };
  const decisions = [...ways.values()].filter((list) => list.length > 1).length;
  if (decisions > 0) {
    offer(closure(problem, cheapestBySelf(problem, ways)));
    offer(closure(problem, cheapestInRank(problem, ways)));
  }

  let work = 0;
  const branch = (chosen: Chosen<S>, cost: number, open: readonly string[]): void => {
    const { added, undecided, total } = force(chosen, cost, open);
    work += added.length + undecided.length + 1;
    const bound = undecided.reduce((sum, uuid) => sum + (ways.get(uuid)?.[0]?.cost ?? 0), total);
    if (bound < bestCost) {
      const [uuid, ...rest] = undecided;
      if (uuid === undefined) {
        work += chosen.size;
        offer(chosen);
      }
      for (const stream of uuid === undefined ? [] : (ways.get(uuid) ?? [])) {
        if (work > WORK_LIMIT) break;
        chosen.set(stream.uuid, stream);
        const next = problem.needs(stream).map((r) => r.uuid);
        branch(chosen, total + stream.cost, [...rest, ...next]);
        chosen.delete(stream.uuid);
      }
    }
    for (const uuid of added) chosen.delete(uuid);
  };
  /** Takes what has no alternative, and lists the UUIDs that do. */
  const force = (chosen: Chosen<S>, cost: number, open: readonly string[]) => {
    const added: string[] = [];
    const undecided = new Set<string>();
    const stack = [...open];
    let total = cost;
    for (let uuid = stack.pop(); uuid !== undefined; uuid = stack.pop()) {
      if (chosen.has(uuid)) continue;
      const [only, other] = ways.get(uuid) ?? [];
      if (only === undefined || other !== undefined) {
        undecided.add(uuid);
        continue;
      }
      chosen.set(uuid, only);
      added.push(uuid);
      total += only.cost;
      stack.push(...problem.needs(only).map((r) => r.uuid));
    }
    return { added, undecided: [...undecided], total };
  };
  if (decisions <= DEPTH_LIMIT) branch(new Map(), 0, problem.goals);
  return { chosen: best, cheapest: decisions <= DEPTH_LIMIT && work <= WORK_LIMIT };
}

/** Beyond so many UUIDs with alternatives a full search is hopeless, and too deep for the stack. */
const DEPTH_LIMIT = 2_000;

/** Drops each stream for which another does the same for fewer bytes and no more requirements. */
function withoutDominated<S extends GraphStream>(list: readonly S[]): S[] {
  const kept: S[] = [];
  for (const stream of list.toSorted((a, b) => a.cost - b.cost)) {
    const dominated = kept.some(
      (other) =>
        other.ctransid === stream.ctransid &&
        other.relayed === stream.relayed &&
        other.requires.every((r) =>
          stream.requires.some((q) => q.uuid === r.uuid && q.ctransid === r.ctransid),
        ),
    );
    if (!dominated) kept.push(stream);
  }
  return kept;
}

/** For each UUID the way that is cheapest if it were the only goal (Dijkstra's measure). */
function cheapestBySelf<S extends GraphStream>(
  { order, needs }: Problem<S>,
  ways: ReadonlyMap<string, readonly S[]>,
): Map<string, S> {
  const cost = new Map<string, number>();
  const way = new Map<string, S>();
  // A cost only ever falls, so a way always costs more than each of its requirements: no circle.
  for (let pass = 0, changed = true; changed && pass < 8; pass++) {
    changed = false;
    for (const stream of order) {
      if (!ways.get(stream.uuid)?.includes(stream)) continue;
      let total = stream.cost;
      for (const { uuid } of needs(stream)) total += cost.get(uuid) ?? Number.POSITIVE_INFINITY;
      if (total < (cost.get(stream.uuid) ?? Number.POSITIVE_INFINITY)) {
        cost.set(stream.uuid, total);
        way.set(stream.uuid, stream);
        changed = true;
      }
    }
  }
  return way;
}

/**
 * For each UUID its smallest stream among those that only require UUIDs of lower rank: good
 * where most requirements are goals themselves and so cost nothing more.
 */
function cheapestInRank<S extends GraphStream>(
  { order, needs }: Problem<S>,
  ways: ReadonlyMap<string, readonly S[]>,
): Map<string, S> {
  const rank = new Map<string, number>();
  for (const stream of order) if (!rank.has(stream.uuid)) rank.set(stream.uuid, rank.size);
  const way = new Map<string, S>();
  for (const [uuid, list] of ways) {
    const mine = rank.get(uuid) ?? 0;
    const lower = (stream: S) => needs(stream).every((r) => (rank.get(r.uuid) ?? mine) < mine);
    const smallest = list.find(lower);
    if (smallest !== undefined) way.set(uuid, smallest);
  }
  return way;
}

/** The goals and all they require, each by its `way`. */
function closure<S extends GraphStream>(
  { goals, needs }: Problem<S>,
  way: ReadonlyMap<string, S>,
): Chosen<S> | undefined {
  const chosen: Chosen<S> = new Map();
  const open = [...goals];
  for (let uuid = open.pop(); uuid !== undefined; uuid = open.pop()) {
    if (chosen.has(uuid)) continue;
    const stream = way.get(uuid);
    if (stream === undefined) return undefined;
    chosen.set(uuid, stream);
    open.push(...needs(stream).map((r) => r.uuid));
  }
  return chosen;
}

/** Every requirement is met by what was chosen, without a circle. */
function holds<S extends GraphStream>(chosen: Chosen<S>, { needs, order }: Problem<S>): boolean {
  for (const stream of chosen.values()) {
    for (const requirement of needs(stream)) {
      const provider = chosen.get(requirement.uuid);
      if (provider === undefined || !satisfies(requirement, provider)) return false;
    }
  }
  return inOrder(chosen, needs, order).length === chosen.size;
}
