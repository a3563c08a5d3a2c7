import { type GraphStream, inOrder } from './graph.ts';

/**
 * The most streams that the search examines. It bounds the time to about a second, and ordinary
 * archives need almost none of it.
 */
const WORK_LIMIT = 5_000_000;

export interface Problem<S> {
  /** Streams that can be received, by the state that they bring. */
  readonly alternatives: ReadonlyMap<string, readonly S[]>;
  /** The state that a stream brings. */
  readonly stateOf: (stream: S) => string;
  /** The states that a stream requires and that are absent. */
  readonly needs: (stream: S) => readonly string[];
  /** States to reach, each with at least one alternative. */
  readonly goals: readonly string[];
  /** All streams of `alternatives`, each after those that it requires. */
  readonly order: readonly S[];
}

export interface Cheapest<S> {
  /** One stream for each needed state; undefined if no choice fits together. */
  readonly chosen: ReadonlyMap<string, S> | undefined;
  /** No other choice takes fewer bytes. */
  readonly cheapest: boolean;
}

type Chosen<S> = Map<string, S>;

/**
 * Finds the set of streams with the fewest stored bytes that brings every goal and everything it
 * requires, without a circle. This is a Steiner tree problem, which is NP-hard. Two fast heuristics
 * give an upper bound. Then branch and bound searches the states that have several streams. A state
 * with one stream is forced.
 *
 * @returns the best set that was found. If the search ended early, it may not be the cheapest.
 */
export function cheapestChoice<S extends GraphStream>(problem: Problem<S>): Cheapest<S> {
  const ways = new Map<string, readonly S[]>();
  for (const [state, list] of problem.alternatives) {
    ways.set(state, withoutDominated(list, problem.needs));
  }

  let best: Chosen<S> | undefined;
  let bestCost = Number.POSITIVE_INFINITY;
  const offer = (chosen: Chosen<S> | undefined) => {
    if (chosen === undefined || !holds(chosen, problem)) return;
    const cost = [...chosen.values()].reduce((sum, stream) => sum + stream.storedBytes, 0);
    if (cost < bestCost) [best, bestCost] = [new Map(chosen), cost];
  };
  const decisions = [...ways.values()].filter((list) => list.length > 1).length;
  if (decisions > 0) {
    offer(closure(problem, cheapestBySelf(problem, ways)));
    offer(closure(problem, cheapestInRank(problem, ways)));
  }

  let work = 0;
  const branch = (chosen: Chosen<S>, cost: number, open: readonly string[]): void => {
    const { added, undecided, total } = force(chosen, cost, open, ways, problem);
    work += added.length + undecided.length + 1;
    const bound = undecided.reduce(
      (sum, state) => sum + (ways.get(state)?.[0]?.storedBytes ?? 0),
      total,
    );
    if (bound < bestCost) {
      const [state, ...rest] = undecided;
      if (state === undefined) {
        work += chosen.size;
        offer(chosen);
      }
      for (const stream of state === undefined ? [] : (ways.get(state) ?? [])) {
        if (work > WORK_LIMIT) break;
        chosen.set(problem.stateOf(stream), stream);
        branch(chosen, total + stream.storedBytes, [...rest, ...problem.needs(stream)]);
        chosen.delete(problem.stateOf(stream));
      }
    }
    for (const state of added) chosen.delete(state);
  };
  if (decisions <= DEPTH_LIMIT) branch(new Map(), 0, problem.goals);
  return { chosen: best, cheapest: decisions <= DEPTH_LIMIT && work <= WORK_LIMIT };
}

/**
 * The most states with several streams for which the search runs: with more it would not finish,
 * and would overflow the stack.
 */
const DEPTH_LIMIT = 2_000;

/** Chooses the streams without alternatives that the open states need, and lists the others. */
function force<S extends GraphStream>(
  chosen: Chosen<S>,
  cost: number,
  open: readonly string[],
  ways: ReadonlyMap<string, readonly S[]>,
  { needs }: Problem<S>,
): { added: string[]; undecided: string[]; total: number } {
  const added: string[] = [];
  const undecided = new Set<string>();
  const stack = [...open];
  let total = cost;
  for (let state = stack.pop(); state !== undefined; state = stack.pop()) {
    if (chosen.has(state)) continue;
    const [only, other] = ways.get(state) ?? [];
    if (only === undefined || other !== undefined) {
      undecided.add(state);
      continue;
    }
    chosen.set(state, only);
    added.push(state);
    total += only.storedBytes;
    stack.push(...needs(only));
  }
  return { added, undecided: [...undecided], total };
}

/**
 * Drops a stream if another one brings the same state with fewer bytes and no further requirements.
 */
function withoutDominated<S extends GraphStream>(
  list: readonly S[],
  needs: Problem<S>['needs'],
): S[] {
  const kept: S[] = [];
  for (const stream of list.toSorted((a, b) => a.storedBytes - b.storedBytes)) {
    const needed = new Set(needs(stream));
    if (!kept.some((other) => needs(other).every((state) => needed.has(state)))) kept.push(stream);
  }
  return kept;
}

/**
 * Finds for each state the cheapest stream, counting everything it requires, as if the state were
 * the only goal (as Dijkstra does).
 */
function cheapestBySelf<S extends GraphStream>(
  { order, needs, stateOf }: Problem<S>,
  ways: ReadonlyMap<string, readonly S[]>,
): Map<string, S> {
  const cost = new Map<string, number>();
  const way = new Map<string, S>();
  // Costs only fall, so a stream always costs more than each of its requirements: there is no
  // circle.
  for (let pass = 0, changed = true; changed && pass < 8; pass++) {
    changed = false;
    for (const stream of order) {
      const brought = stateOf(stream);
      if (!ways.get(brought)?.includes(stream)) continue;
      let total = stream.storedBytes;
      for (const state of needs(stream)) total += cost.get(state) ?? Number.POSITIVE_INFINITY;
      if (total < (cost.get(brought) ?? Number.POSITIVE_INFINITY)) {
        cost.set(brought, total);
        way.set(brought, stream);
        changed = true;
      }
    }
  }
  return way;
}

/**
 * Finds for each state the smallest stream among those that require only states of lower rank. This
 * is good if most requirements are goals themselves.
 */
function cheapestInRank<S extends GraphStream>(
  { order, needs, stateOf }: Problem<S>,
  ways: ReadonlyMap<string, readonly S[]>,
): Map<string, S> {
  const rank = new Map<string, number>();
  for (const state of order.map(stateOf)) if (!rank.has(state)) rank.set(state, rank.size);
  const way = new Map<string, S>();
  for (const [state, list] of ways) {
    const mine = rank.get(state) ?? 0;
    const lower = (stream: S) => needs(stream).every((need) => (rank.get(need) ?? mine) < mine);
    const smallest = list.find(lower);
    if (smallest !== undefined) way.set(state, smallest);
  }
  return way;
}

/** Collects the goals and everything they require, each brought by its `way`. */
function closure<S extends GraphStream>(
  { goals, needs }: Problem<S>,
  way: ReadonlyMap<string, S>,
): Chosen<S> | undefined {
  const chosen: Chosen<S> = new Map();
  const open = [...goals];
  for (let state = open.pop(); state !== undefined; state = open.pop()) {
    if (chosen.has(state)) continue;
    const stream = way.get(state);
    if (stream === undefined) return undefined;
    chosen.set(state, stream);
    open.push(...needs(stream));
  }
  return chosen;
}

/** Reports whether the chosen streams meet all requirements without a circle. */
function holds<S extends GraphStream>(chosen: Chosen<S>, { needs, order }: Problem<S>): boolean {
  for (const stream of chosen.values()) {
    if (!needs(stream).every((state) => chosen.has(state))) return false;
  }
  return inOrder(chosen, needs, order).length === chosen.size;
}
