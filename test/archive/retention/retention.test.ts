import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Candidate } from '../../../src/archive/retention/candidate.ts';
import { keptBy, type Policy } from '../../../src/archive/retention/policy.ts';
import {
  type Retention,
  type RetentionFacts,
  retain,
} from '../../../src/archive/retention/retention.ts';
import type { StateRecord } from '../../../src/names/state.ts';

const now = Date.parse('2026-11-27T10:00:00Z');
const day = 86_400_000;

/** The state of the snapshot of this UUID, as its source `A` counts it. */
const state = (uuid: string, ctransid = '1'): StateRecord => ({
  filesystem: 'A',
  uuid,
  ctransid,
  sendTransid: null,
});

let number = 0;
function stream(uuid: string, requires: string[] = [], change: Partial<Candidate> = {}): Candidate {
  number++;
  return {
    ...state(uuid),
    requires: requires.map((each) => state(each)),
    storedBytes: 10,
    family: 'home',
    contents: `${number}`,
    isOrdered: true,
    madeAt: now - 100 * day + number * 1000,
    isWhole: true,
    ...change,
  };
}

interface Around {
  readonly destinations?: readonly (readonly StateRecord[])[];
  readonly bases?: readonly StateRecord[];
  readonly links?: readonly StateRecord[];
  readonly awaited?: readonly string[];
}

function prune(streams: readonly Candidate[], policy: Policy, around: Around = {}) {
  const { destinations = [], bases = [], links = destinations.flat(), awaited = [] } = around;
  const facts: RetentionFacts<Candidate> = {
    streams,
    policy,
    now,
    awaited,
    surroundings: { destinations, bases, links },
  };
  return retain(facts);
}

const removed = (plan: Retention<Candidate>) => plan.removed.map(({ uuid }) => uuid);
const kept = (plan: Retention<Candidate>) =>
  Object.fromEntries(plan.kept.map(({ stream: { uuid }, reasons }) => [uuid, reasons]));

/** 1 is full, and each other one an increment on the one before. */
const chain = (length: number) =>
  Array.from({ length }, (_, at) => stream(`${at + 1}`, at === 0 ? [] : [`${at}`]));

describe('retention', () => {
  it('keeps what a kept stream needs, back to the full one', () => {
    const plan = prune(chain(4), { last: 1 });
    expect(removed(plan)).toEqual([]);
    expect(kept(plan)).toEqual({ 1: ['needed'], 2: ['needed'], 3: ['needed'], 4: ['last'] });
    const [first, second, third, fourth] = chain(4) as [Candidate, Candidate, Candidate, Candidate];
    const again = { ...third, requires: [], storedBytes: 100 };
    expect(removed(prune([first, second, again, fourth], { last: 2 }))).toEqual(['2', '1']);
  });

  it('keeps clone sources', () => {
    const streams = [stream('1'), stream('2'), stream('3', ['1', '2'])];
    expect(removed(prune(streams, { last: 1 }))).toEqual([]);
  });

  it('removes children before parents', () => {
    const plan = prune([...chain(4), stream('5')], { last: 1 });
    expect(removed(plan)).toEqual(['4', '3', '2', '1']);
  });

  it('judges each source by itself', () => {
    const other = stream('x', [], { family: 'root' });
    expect(kept(prune([other, ...chain(1), stream('2')], { last: 1 }))).toEqual({
      x: ['last'],
      2: ['last'],
    });
  });

  it('of two streams of one snapshot keeps the ones with fewer bytes in all', () => {
    const [first, second, third] = chain(3) as [Candidate, Candidate, Candidate];
    const full = (storedBytes: number) => stream('3', [], { storedBytes });
    const small = prune([first, second, third, full(25)], { last: 1 });
    expect(small.kept.map(({ stream: { requires } }) => requires.length)).toEqual([0]);
    expect(small.removed).toHaveLength(3);
    expect(removed(prune([first, second, third, full(35)], { last: 1 }))).toEqual(['3']);
  });

  it('counts only what can be restored, and leaves the rest alone with what it needs', () => {
    const streams = [
      ...chain(2),
      stream('3'),
      stream('4', ['3'], { isWhole: false }),
      stream('5', ['x']),
    ];
    expect(kept(prune(streams, { last: 1 }))).toEqual({
      3: ['last', 'needed'],
      4: ['damaged'],
      5: ['unrestorable'],
    });
    const twins = [stream('1'), { ...stream('1'), ctransid: '2' }, stream('2')];
    expect(kept(prune(twins, { last: 1 }))).toEqual({ 1: ['conflicting'], 2: ['last'] });
    const same = stream('2', ['1']);
    expect(
      removed(prune([stream('0'), stream('1'), same, { ...same }, stream('3')], { last: 1 })),
    ).toEqual(['0']);
  });

  it('keeps the parents that unfinished streams and unusable manifests name', () => {
    const plan = prune([...chain(3), stream('5')], { last: 1 }, { awaited: ['2'] });
    expect(kept(plan)).toEqual({ 1: ['needed'], 2: ['needed'], 5: ['last'] });
  });

  it('counts a fingerprint as a base only for streams that nothing else restores', () => {
    const bases = [state('2')];
    expect(removed(prune(chain(4), { last: 1 }, { bases }))).toEqual([]);
    const based = chain(4).slice(2);
    expect(removed(prune(based, { last: 1 }, { bases }))).toEqual([]);
    expect(removed(prune([...based, stream('5', ['2'])], { last: 1 }, { bases }))).toEqual([
      '4',
      '3',
    ]);
  });

  it('does not bring a named destination to what it has', () => {
    const has = (...uuids: string[]) =>
      uuids.map((uuid) => ({ ...state(uuid, '77'), filesystem: 'D', sendTransid: '1' }));
    expect(removed(prune(chain(4), { last: 1 }, { destinations: [has('1', '3')] }))).toEqual([
      '3',
      '2',
      '1',
    ]);
    // What the policy keeps stays, though the destination has it.
    expect(removed(prune(chain(4), { last: 3 }, { destinations: [has('1', '2', '3')] }))).toEqual([
      '1',
    ]);
    expect(removed(prune(chain(4), { last: 3 }, { destinations: [has('3')] }))).toEqual([]);
    // Of several, all must have it.
    const both = [has('1', '3'), has('2')];
    expect(removed(prune(chain(4), { last: 1 }, { destinations: both }))).toEqual([]);
    // Without the word of the user, a receipt frees nothing.
    expect(removed(prune(chain(4), { last: 1 }, { links: has('3') }))).toEqual([]);
    // Another state of the parent is not the parent.
    const other = [{ ...state('3', '78'), filesystem: 'D', sendTransid: '9' }];
    expect(removed(prune(chain(4), { last: 1 }, { destinations: [other] }))).toEqual([]);
  });

  it('keeps a stream whose record alone links what another one needs', () => {
    const relayed = (uuid: string) => ({ ...state(uuid, '50'), filesystem: 'B' });
    const origin = stream('1', [], { storedBytes: 1 });
    const relay = { ...stream('1', ['0']), ...relayed('1'), sendTransid: '1' };
    const child = { ...stream('2'), ...relayed('2'), requires: [relayed('1')] };
    const streams = [stream('0'), origin, relay, child];
    const plan = prune(streams, { last: 1 });
    expect(plan.kept.map(({ stream: one }) => one)).toEqual(
      expect.arrayContaining([child, origin]),
    );
    expect(restorable(plan.kept.map(({ stream: one }) => one))).toContain(child);
  });
});

const key = ({ uuid, ctransid, filesystem }: StateRecord) => `${filesystem} ${uuid} ${ctransid}`;

/** Streams that an empty filesystem, or one with these states, can receive: by trying again and again. */
function restorable(
  streams: readonly Candidate[],
  present: readonly StateRecord[] = [],
): Candidate[] {
  const have = new Set(present.map(key));
  const done = new Set<Candidate>();
  for (let moved = true; moved; ) {
    moved = false;
    for (const each of streams) {
      const names = [
        key(each),
        ...(each.sendTransid === null ? [] : [key(state(each.uuid, each.sendTransid))]),
      ];
      if (done.has(each) || !each.isWhole || !each.requires.every((need) => have.has(key(need))))
        continue;
      done.add(each);
      for (const name of names) have.add(name);
      // A relay names the state of its origin in its own way.
      for (const other of streams) {
        const its = other.sendTransid === null ? '' : key(state(other.uuid, other.sendTransid));
        if (have.has(its)) have.add(key(other));
      }
      moved = true;
    }
  }
  return [...done];
}

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

describe('retention of random archives', () => {
  /** Of each snapshot, the age depends on its UUID; there are two sources. */
  const made = (
    graph: readonly { at: number; requires: string[]; storedBytes: number; isWhole: boolean }[],
  ) =>
    graph
      .map(({ at, requires, ...rest }) =>
        stream(
          uuids[at] as string,
          requires.filter((each) => each !== uuids[at]),
          { ...rest, family: at % 2 === 0 ? 'even' : 'odd', madeAt: now - (20 - at) * 5 * day },
        ),
      )
      .sort((a, b) => (a.madeAt ?? 0) - (b.madeAt ?? 0));

  it('restores all that stays, at every moment, and keeps what the policy says', () => {
    let some = 0;
    fc.assert(
      fc.property(
        graphs,
        policies,
        fc.subarray(uuids),
        fc.subarray(uuids),
        fc.boolean(),
        (graph, policy, has, fingerprinted, isNamed) => {
          const streams = made(graph);
          const receipt = has.map((uuid) => state(uuid));
          const bases = fingerprinted.map((uuid) => state(uuid));
          const destinations = isNamed ? [receipt] : [];
          const plan = prune(streams, policy, { destinations, bases, links: receipt });
          const stay = plan.kept.map(({ stream: each }) => each);
          expect(new Set([...stay, ...plan.removed])).toEqual(new Set(streams));
          expect(stay.length + plan.removed.length).toBe(streams.length);
          some += plan.removed.length;

          // The weakest place where each stream can be received today, and after each step.
          const places = [...(isNamed ? [receipt] : []), [], bases];
          const before = places.map((place) => new Set(restorable(streams, place)));
          let left = [...streams];
          for (const gone of [undefined, ...plan.removed]) {
            left = left.filter((each) => each !== gone);
            const after = places.map((place) => new Set(restorable(left, place)));
            for (const each of stay) {
              const first = before.findIndex((place) => place.has(each));
              if (first >= 0) expect(after[first]?.has(each), each.uuid).toBe(true);
            }
            // What is still to go has its parent.
            for (const each of left.filter((other) => !stay.includes(other))) {
              for (const { uuid } of each.requires) {
                if (streams.some((other) => other.uuid === uuid)) {
                  expect(left.map((other) => other.uuid)).toContain(uuid);
                }
              }
            }
          }

          // What the policy keeps is still there, and what cannot be restored was not judged.
          const usable = before.flatMap((place) => [...place]);
          for (const family of ['even', 'odd']) {
            const snapshots = uuids
              .filter((uuid) => usable.some((each) => each.uuid === uuid && each.family === family))
              .map((uuid) => usable.find((each) => each.uuid === uuid) as Candidate)
              .reverse();
            const expected = [...keptBy(policy, snapshots, now).keys()].map(({ uuid }) => uuid);
            for (const uuid of expected) expect(stay.map((each) => each.uuid)).toContain(uuid);
            const named = plan.kept
              .filter(
                ({ stream: each, reasons }) =>
                  each.family === family && reasons.some((why) => /last|ly|oldest/.test(why)),
              )
              .map(({ stream: each }) => each.uuid);
            expect(new Set(named)).toEqual(new Set(expected));
          }
          for (const each of plan.removed) expect(usable).toContain(each);
        },
      ),
      { numRuns: 800 },
    );
    expect(some).toBeGreaterThan(500);
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
