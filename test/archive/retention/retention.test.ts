import { describe, expect, it } from 'vitest';
import type { Candidate } from '../../../src/archive/retention/candidate.ts';
import type { Retention } from '../../../src/archive/retention/retention.ts';
import { prune, restorable, state, stream } from './streams.ts';

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
    // A snapshot that the policy keeps stays, though the destination has it.
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
