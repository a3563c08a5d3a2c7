import { describe, expect, it } from 'vitest';
import { a, b, c, kinOf, plan, snapshot, stored } from './snapshots.ts';

const d = snapshot('d', 40);
const to = (has: readonly (typeof a)[], had: readonly (typeof a)[] = []) => ({
  has: has.map(({ state }) => state),
  had: had.map(({ state }) => state),
});
const archive = (
  streams: ReturnType<typeof stored>[],
  ...destinations: ReturnType<typeof to>[]
) => [{ streams, bases: [], destinations }];

describe('an export for a destination', () => {
  it('builds on what it has, though the archive never held that', () => {
    const destination = to([a, b]);
    const facts = { destination, candidates: [a, b], archives: archive([], destination) };
    expect(plan({ ...facts, asked: [c] }).chain).toEqual(['c<b']);
    const found = plan({ ...facts, asked: [a, b, c, d] });
    expect(found.chain).toEqual(['c<b', 'd<c']);
    expect([found.received, found.skipped, found.stranded]).toEqual([[a, b], [], false]);
  });

  it('builds on what it can receive from the archive, but on nothing that it removed', () => {
    const streams = [stored(a), stored(b, a), stored(c, b)];
    const facts = (destination: ReturnType<typeof to>) => ({
      destination,
      asked: [d],
      candidates: [a, b, c],
      archives: archive(streams, destination),
    });
    expect(plan(facts(to([b], [a]))).chain).toEqual(['d<c']);
    expect(plan(facts(to([b], [a, c]))).chain).toEqual(['d<b']);
    // Nothing suits it: what the archive can restore is the next best.
    expect(plan(facts(to([], [a, b, c]))).chain).toEqual(['d<c']);
  });

  it('leaves out what it removed, because it would not receive that again', () => {
    const destination = to([b], [a]);
    const facts = { destination, candidates: [a, b], archives: archive([], destination) };
    const found = plan({ ...facts, asked: [a, b, c] });
    expect([found.chain, found.received, found.removed]).toEqual([['c<b'], [b], [a]]);
  });

  it('is full if the destination has nothing related, with the reason', () => {
    const destination = to([]);
    const { steps } = plan({ destination, asked: [c], archives: archive([], destination) });
    expect(steps.map(({ parent }) => parent)).toEqual([null]);
    expect(steps[0]?.reason).toMatch('destination');
  });
});

describe('an export to an archive that was carried to destinations', () => {
  it('keeps the archive restorable by itself where the destinations can use that', () => {
    const facts = { asked: [d], candidates: [a, b, c], kin: kinOf([a]) };
    const streams = [stored(a), stored(b, a)];
    expect(plan({ ...facts, archives: archive(streams, to([a, b, c])) }).chain).toEqual(['d<b']);
    // It removed both, so it would have to receive them again.
    expect(plan({ ...facts, archives: archive(streams, to([c], [a, b])) }).chain).toEqual(['d<c']);
  });

  it('suits all of them', () => {
    const facts = { asked: [d], candidates: [a, b, c], kin: kinOf([a]) };
    const two = archive([], to([a, b, c]), to([a, b]));
    expect(plan({ ...facts, archives: two }).chain).toEqual(['d<b']);
    expect(plan({ ...facts, archives: archive([], to([a]), to([b])) }).chain).toEqual(['d<']);
  });
});
