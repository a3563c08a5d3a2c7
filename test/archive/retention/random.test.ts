import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Candidate } from '../../../src/archive/retention/candidate.ts';
import { keptBy, type Policy } from '../../../src/archive/retention/policy.ts';
import type { Retention } from '../../../src/archive/retention/retention.ts';
import type { StateRecord } from '../../../src/names/state.ts';
import { day, now, prune, restorable, state, stream } from './streams.ts';

const uuids = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
const graphs = fc.array(
  fc.record({
    at: fc.integer({ min: 0, max: uuids.length - 1 }),
    requires: fc.subarray([...uuids, 'x'], { maxLength: 2 }),
    storedBytes: fc.integer({ min: 1, max: 9 }),
    isWhole: fc.integer({ min: 0, max: 9 }).map((dice) => dice > 0),
  }),
  { minLength: 1, maxLength: 14 },
);
const counts = fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined });
const policies = fc
  .record({ last: counts, daily: counts, weekly: counts, monthly: counts })
  .filter((policy) => Object.values(policy).some((rule) => rule !== undefined));

type Graph = readonly {
  readonly at: number;
  readonly requires: string[];
  readonly storedBytes: number;
  readonly isWhole: boolean;
}[];

/** The age of each snapshot depends on its UUID. There are two sources. */
const made = (graph: Graph) =>
  graph
    .map(({ at, requires, ...rest }) =>
      stream(
        uuids[at] as string,
        requires.filter((each) => each !== uuids[at]),
        { ...rest, family: at % 2 === 0 ? 'even' : 'odd', madeAt: now - (20 - at) * 5 * day },
      ),
    )
    .sort((a, b) => (a.madeAt ?? 0) - (b.madeAt ?? 0));

type Places = readonly (readonly StateRecord[])[];

const staying = ({ kept }: Retention<Candidate>) => kept.map(({ stream: each }) => each);

/** After each removal, what stays can be received where it could be before, and what is still to go has its parent. */
function expectSafe(streams: readonly Candidate[], plan: Retention<Candidate>, places: Places) {
  const stay = staying(plan);
  const before = places.map((place) => new Set(restorable(streams, place)));
  const alone = new Set(restorable(streams));
  let left = [...streams];
  for (const gone of [undefined, ...plan.removed]) {
    left = left.filter((each) => each !== gone);
    const after = places.map((place) => new Set(restorable(left, place)));
    for (const each of stay) {
      const first = before.findIndex((place) => place.has(each));
      if (first >= 0) expect(after[first]?.has(each), each.uuid).toBe(true);
    }
    for (const each of left.filter((other) => alone.has(other) && !stay.includes(other))) {
      for (const { uuid } of each.requires) expect(left.map((one) => one.uuid)).toContain(uuid);
    }
  }
}

/** The policy's own reasons are those of a separate computation, on the snapshots that can be restored. */
function expectPolicy(
  policy: Policy,
  streams: readonly Candidate[],
  plan: Retention<Candidate>,
  places: Places,
) {
  const usable = places.flatMap((place) => restorable(streams, place));
  for (const family of ['even', 'odd']) {
    const snapshots = uuids.flatMap((uuid) => {
      const found = usable.find((each) => each.uuid === uuid && each.family === family);
      return found ?? [];
    });
    const expected = keptBy(policy, snapshots.reverse(), now).keys();
    const named = plan.kept.filter(
      ({ stream: each, reasons }) =>
        each.family === family && reasons.some((why) => /last|ly$|oldest/.test(why)),
    );
    expect(new Set(named.map(({ stream: each }) => each.uuid))).toEqual(
      new Set([...expected].map(({ uuid }) => uuid)),
    );
  }
  for (const each of plan.removed) expect(usable).toContain(each);
}

describe('retention of random archives', () => {
  it('restores all that stays, at every moment, and keeps what the policy says', () => {
    let some = 0;
    const facts = [graphs, policies, fc.subarray(uuids), fc.subarray(uuids), fc.boolean()] as const;
    fc.assert(
      fc.property(...facts, (graph, policy, has, fingerprinted, isNamed) => {
        const streams = made(graph);
        const receipt = has.map((uuid) => state(uuid));
        const bases = fingerprinted.map((uuid) => state(uuid));
        const destinations = isNamed ? [receipt] : [];
        const plan = prune(streams, policy, { destinations, bases, links: receipt });
        expect(new Set([...staying(plan), ...plan.removed])).toEqual(new Set(streams));
        expect(plan.kept.length + plan.removed.length).toBe(streams.length);
        some += plan.removed.length;
        const places = [...destinations, [], bases];
        expectSafe(streams, plan, places);
        expectPolicy(policy, streams, plan, places);
      }),
      { numRuns: 800 },
    );
    expect(some).toBeGreaterThan(300);
  });

  it('has nothing more to remove afterwards', () => {
    fc.assert(
      fc.property(graphs, policies, (graph, policy) => {
        const { kept: stay } = prune(made(graph), policy);
        const again = prune(
          stay.map(({ stream: each }) => each),
          policy,
        );
        expect(again.removed).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it('decides about 10,000 streams', () => {
    const streams = Array.from({ length: 10_000 }, (_, at) =>
      stream(`${at}`, at % 50 === 0 ? [] : [`${at - 1}`]),
    );
    expect(prune(streams, { last: 60 }).removed).toHaveLength(9_900);
  });
});
