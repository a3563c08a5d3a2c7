import { describe, expect, it } from 'vitest';
import { sizeKey, weighedParents } from '../../../src/operations/export/parent.ts';
import type { Snapshot } from '../../../src/operations/export/snapshot.ts';
import { a, b, c, plan, snapshot, stored } from './snapshots.ts';

describe('weighed parents', () => {
  it('the smallest stream wins', () => {
    const other = snapshot('other', 25, { family: 'root' });
    const archived = [stored(a), stored(b, a), stored(other)];
    const weigh = (sizes: [Snapshot | null, number][]) =>
      plan({
        asked: [c],
        parent: 'best',
        candidates: [a, b, other],
        archived,
        sizes: new Map(sizes.map(([parent, size]) => [sizeKey(c, parent), size])),
      }).chain;
    expect(
      weigh([
        [null, 90],
        [a, 20],
        [b, 30],
        [other, 25],
      ]),
    ).toEqual(['c<a']);
    expect(
      weigh([
        [null, 10],
        [a, 20],
        [b, 30],
      ]),
    ).toEqual(['c<']);
    expect(
      weigh([
        [null, 90],
        [b, 30],
        [other, 25],
      ]),
    ).toEqual(['c<other']);
  });

  it('the nearest in age are weighed, and related ones first', () => {
    const many = Array.from({ length: 20 }, (_, at) => snapshot(`m${at}`, 100 + at));
    const other = snapshot('other', 119, { family: 'root' });
    const weighed = weighedParents('best', snapshot('now', 120), [other, ...many]);
    expect(weighed.map((s) => s.name)).toEqual(
      many
        .toReversed()
        .slice(0, 8)
        .map((s) => s.name),
    );
    expect(weighedParents('best', snapshot('now', 120), [other])).toEqual([other]);
  });
});
