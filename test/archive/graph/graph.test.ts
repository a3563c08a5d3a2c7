import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { choose as chooseAmong } from '../../../src/archive/graph/choice.ts';
import {
  conflicts,
  type GraphStream,
  linkedStates,
  receivable,
} from '../../../src/archive/graph/graph.ts';
import type { StateRecord } from '../../../src/names/state.ts';

const state = (uuid: string, ctransid = '1'): StateRecord => ({
  filesystem: 'A',
  uuid,
  ctransid,
  sendTransid: null,
});

const stream = (
  uuid: string,
  cost: number,
  requires: string[] = [],
  ctransid = '1',
): GraphStream => ({
  ...state(uuid, ctransid),
  requires: requires.map((r) => state(r)),
  storedBytes: cost,
});

/** The choice, with goals as records. */
function choose(
  streams: readonly GraphStream[],
  present: readonly StateRecord[],
  goals: readonly StateRecord[],
) {
  const states = linkedStates(streams, [...present, ...goals]);
  return chooseAmong(
    streams,
    present,
    goals.map((goal) => states.of(goal)),
    states,
  );
}

const total = (streams: readonly GraphStream[]) =>
  streams.reduce((sum, s) => sum + s.storedBytes, 0);

const same = (a: StateRecord, b: StateRecord) => a.uuid === b.uuid && a.ctransid === b.ctransid;

/** Whether `order` can be received one after the other. */
function playable(order: readonly GraphStream[], present: readonly StateRecord[]): boolean {
  const have: StateRecord[] = [...present];
  for (const s of order) {
    if (!s.requires.every((r) => have.some((p) => same(r, p)))) return false;
    have.push(s);
  }
  return true;
}

/** The least cost over every subset and, by repeated passes, every order; undefined: impossible. */
function bruteForce(
  streams: readonly GraphStream[],
  present: readonly StateRecord[],
  goals: readonly StateRecord[],
): number | undefined {
  let best: number | undefined;
  for (let mask = 0; mask < 1 << streams.length; mask++) {
    const subset = streams.filter((_, at) => mask & (1 << at));
    if (subset.some((s, at) => subset.findIndex((other) => same(s, other)) !== at)) continue;
    const have: StateRecord[] = [...present];
    const left = new Set(subset);
    for (let moved = true; moved; ) {
      moved = false;
      for (const s of left) {
        if (!s.requires.every((r) => have.some((p) => same(r, p)))) continue;
        have.push(s);
        left.delete(s);
        moved = true;
      }
    }
    if (left.size > 0 || !goals.every((g) => have.some((p) => same(p, g)))) continue;
    const cost = total(subset);
    if (best === undefined || cost < best) best = cost;
  }
  return best;
}

const uuids = ['a', 'b', 'c', 'd', 'e'];
const arbitraryStream = fc
  .record({
    uuid: fc.constantFrom(...uuids),
    ctransid: fc.constantFrom('1', '1', '1', '2'),
    cost: fc.integer({ min: 1, max: 20 }),
    requires: fc.uniqueArray(
      fc.record({ uuid: fc.constantFrom(...uuids, 'x'), ctransid: fc.constantFrom('1', '1', '2') }),
      { maxLength: 2, selector: (r) => r.uuid },
    ),
  })
  .map(({ uuid, ctransid, cost, requires }) => ({
    ...state(uuid, ctransid),
    storedBytes: cost,
    requires: requires.filter((r) => r.uuid !== uuid).map((r) => state(r.uuid, r.ctransid)),
  }));

describe('the graph of identities', () => {
  it('finds what the brute force finds', () => {
    let possible = 0;
    fc.assert(
      fc.property(
        fc.array(arbitraryStream, { maxLength: 9 }),
        fc.subarray(['a', 'x']),
        fc.subarray(uuids),
        (streams, here, wanted) => {
          const present = here.map((uuid) => state(uuid));
          const goals = streams.filter((s) => wanted.includes(s.uuid));
          const expected = bruteForce(streams, present, goals);
          const choice = choose(streams, present, goals);
          expect(playable(choice.order, present)).toBe(true);
          expect(choice.cheapest).toBe(true);
          if (expected === undefined) {
            expect(choice.refused.length).toBeGreaterThan(0);
          } else {
            possible++;
            expect(choice.refused).toEqual([]);
            expect(total(choice.order)).toBe(expected);
            const have = [...present, ...choice.order];
            for (const goal of goals) expect(have.some((s) => same(s, goal))).toBe(true);
          }
        },
      ),
      { numRuns: 1500 },
    );
    expect(possible).toBeGreaterThan(100);
  });

  it('takes the cheaper of two ways to one goal, and both goals over the shared way', () => {
    const streams = [
      stream('base', 100),
      stream('mid', 10, ['base']),
      stream('goal', 105),
      stream('goal', 3, ['mid']),
      stream('other', 2, ['mid']),
    ];
    expect(choose(streams, [], [state('goal')]).order).toEqual([streams[2]]);
    expect(total(choose(streams, [], [state('goal'), state('other')]).order)).toBe(115);
    expect(choose(streams, [state('mid')], [state('goal')]).order).toEqual([streams[3]]);
  });

  it('names the missing root, and not the streams between', () => {
    const streams = [stream('b', 1, ['a']), stream('c', 1, ['b'])];
    const { refused, order } = choose(streams, [], [state('b'), state('c')]);
    expect(order).toEqual([]);
    expect(refused.map((r) => [r.stream.uuid, r.missing.map((m) => m.uuid)])).toEqual([
      ['b', ['a']],
      ['c', ['a']],
    ]);
  });

  it('does not take another state of the parent for the parent', () => {
    const child = stream('child', 1, ['parent']);
    const drifted = state('parent', '2');
    const goals = [state('child')];
    expect(choose([child], [drifted], goals).refused).toHaveLength(1);
    const elsewhere = { ...state('parent', '77'), filesystem: 'B' };
    expect(choose([child], [elsewhere], goals).refused).toHaveLength(1);
    // The record of a relay links the two.
    expect(choose([child], [{ ...elsewhere, sendTransid: '1' }], goals).refused).toEqual([]);
  });

  it('requires clone sources as it requires the parent', () => {
    const clones = stream('c', 1, ['parent', 'source']);
    const [refused] = choose([clones], [state('parent')], [state('c')]).refused;
    expect(refused?.missing.map((m) => m.uuid)).toEqual(['source']);
  });

  it('finds streams of one UUID whose states no record links', () => {
    const found = (...streams: GraphStream[]) => [
      ...conflicts(streams, linkedStates(streams)).keys(),
    ];
    expect(found(stream('a', 1), stream('a', 9))).toEqual([]);
    expect(found(stream('a', 1), stream('a', 1, [], '2'), stream('b', 1))).toEqual(['a']);
    const relayed = { ...stream('a', 1, [], '2'), filesystem: 'B', sendTransid: '1' };
    expect(found(stream('a', 1), relayed)).toEqual([]);
  });

  it('never goes in a circle', () => {
    const streams = [stream('a', 1, ['b']), stream('b', 1, ['a'])];
    expect(receivable(streams, [], linkedStates(streams))).toEqual([]);
    expect(choose(streams, [], [state('a'), state('b')]).refused).toHaveLength(2);
    expect(choose([...streams, stream('a', 50)], [], [state('b')]).order).toHaveLength(2);
  });

  it.each([
    ['a chain', (at: number) => [stream(`s${at}`, 1, at === 0 ? [] : [`s${at - 1}`])]],
    [
      'two ways to each',
      (at: number) => [
        stream(`s${at}`, 1, at === 0 ? [] : [`s${at - 1}`]),
        stream(`s${at}`, 5, at < 2 ? [] : [`s${at - 2}`]),
      ],
    ],
  ])('plans 10,000 streams: %s', (_, make) => {
    const streams = Array.from({ length: 10_000 }, (_, at) => make(at)).flat();
    const { order, refused } = choose(streams, [], streams);
    expect(order).toHaveLength(10_000);
    expect(refused).toEqual([]);
    expect(playable(order.slice(0, 50), [])).toBe(true);
  });
});
