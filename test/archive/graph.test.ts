import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { choose } from '../../src/archive/choice.ts';
import { type GraphStream, type Present, receivable, satisfies } from '../../src/archive/graph.ts';

const stream = (
  uuid: string,
  cost: number,
  requires: string[] = [],
  ctransid = '1',
): GraphStream => ({
  uuid,
  ctransid,
  relayed: false,
  requires: requires.map((r) => ({ uuid: r, ctransid: '1' })),
  cost,
});

const total = (streams: readonly GraphStream[]) => streams.reduce((sum, s) => sum + s.cost, 0);

/** Whether `order` can be received one after the other. */
function playable(order: readonly GraphStream[], present: readonly Present[]): boolean {
  const have: Pick<Present, 'uuid' | 'ctransid' | 'relayed'>[] = [...present];
  for (const s of order) {
    if (!s.requires.every((r) => have.some((p) => satisfies(r, p)))) return false;
    have.push(s);
  }
  return true;
}

/** The least cost over every subset and, by repeated passes, every order; undefined: impossible. */
function bruteForce(
  streams: readonly GraphStream[],
  present: readonly Present[],
  goals: readonly string[],
): number | undefined {
  let best: number | undefined;
  for (let mask = 0; mask < 1 << streams.length; mask++) {
    const subset = streams.filter((_, at) => mask & (1 << at));
    if (new Set(subset.map((s) => s.uuid)).size !== subset.length) continue;
    const have: Pick<Present, 'uuid' | 'ctransid' | 'relayed'>[] = [...present];
    const left = new Set(subset);
    for (let moved = true; moved; ) {
      moved = false;
      for (const s of left) {
        if (!s.requires.every((r) => have.some((p) => satisfies(r, p)))) continue;
        have.push(s);
        left.delete(s);
        moved = true;
      }
    }
    if (left.size > 0 || !goals.every((g) => have.some((p) => p.uuid === g))) continue;
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
    relayed: fc.constantFrom(false, false, false, true),
    requires: fc.uniqueArray(
      fc.record({ uuid: fc.constantFrom(...uuids, 'x'), ctransid: fc.constantFrom('1', '1', '2') }),
      { maxLength: 2, selector: (r) => r.uuid },
    ),
  })
  .map((s) => ({ ...s, requires: s.requires.filter((r) => r.uuid !== s.uuid) }));

describe('the graph of identities', () => {
  it('finds what the brute force finds', () => {
    let possible = 0;
    fc.assert(
      fc.property(
        fc.array(arbitraryStream, { maxLength: 9 }),
        fc.subarray(['a', 'x']),
        fc.subarray(uuids),
        (streams, here, wanted) => {
          const present = here.map((uuid) => ({ uuid, ctransid: '1' }));
          const goals = wanted.filter((g) => streams.some((s) => s.uuid === g));
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
            const have = [...here, ...choice.order.map((s) => s.uuid)];
            for (const goal of goals) expect(have).toContain(goal);
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
    expect(choose(streams, [], ['goal']).order).toEqual([streams[2]]);
    expect(total(choose(streams, [], ['goal', 'other']).order)).toBe(115);
    expect(choose(streams, [{ uuid: 'mid', ctransid: '1' }], ['goal']).order).toEqual([streams[3]]);
  });

  it('names what is missing at the root, not what is missing in between', () => {
    const streams = [stream('b', 1, ['a']), stream('c', 1, ['b'])];
    const { refused, order } = choose(streams, [], ['b', 'c']);
    expect(order).toEqual([]);
    expect(refused.map((r) => [r.stream.uuid, r.missing.map((m) => m.uuid)])).toEqual([
      ['b', ['a']],
      ['c', ['a']],
    ]);
  });

  it('does not take another state of the parent for the parent', () => {
    const child = stream('child', 1, ['parent']);
    const drifted = { uuid: 'parent', ctransid: '2' };
    expect(choose([child], [drifted], ['child']).refused).toHaveLength(1);
    expect(choose([child], [{ ...drifted, relayed: true }], ['child']).refused).toEqual([]);
    const unknown = { uuid: 'parent', ctransid: undefined };
    expect(choose([child], [unknown], ['child']).refused).toHaveLength(1);
  });

  it('requires clone sources as it requires the parent', () => {
    const clones = stream('c', 1, ['parent', 'source']);
    const parent = { uuid: 'parent', ctransid: '1' };
    const [refused] = choose([clones], [parent], ['c']).refused;
    expect(refused?.missing.map((m) => m.uuid)).toEqual(['source']);
  });

  it('never goes in a circle', () => {
    const streams = [stream('a', 1, ['b']), stream('b', 1, ['a'])];
    expect(receivable(streams, [])).toEqual([]);
    expect(choose(streams, [], ['a', 'b']).refused).toHaveLength(2);
    expect(choose([...streams, stream('a', 50)], [], ['b']).order).toHaveLength(2);
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
    const goals = streams.map((s) => s.uuid);
    const { order, refused } = choose(streams, [], goals);
    expect(order).toHaveLength(10_000);
    expect(refused).toEqual([]);
    expect(playable(order.slice(0, 50), [])).toBe(true);
  });
});
