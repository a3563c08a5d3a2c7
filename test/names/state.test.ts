import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { linkStates, type StateRecord } from '../../src/names/state.ts';

const record = (
  filesystem: string | null,
  ctransid: string,
  sendTransid: string | null = null,
  uuid = 'u',
): StateRecord => ({ filesystem, uuid, ctransid, sendTransid });

const linked = (records: StateRecord[], a: StateRecord, b: StateRecord) => {
  const states = linkStates(records);
  return states.of(a) === states.of(b);
};

describe('records of a state', () => {
  const origin = record('A', '10');

  it('are linked if one was received as the other', () => {
    const relay = record('B', '57', '10');
    expect(linked([origin, relay], origin, relay)).toBe(true);
    expect(linked([origin, record('B', '57', '11')], origin, record('B', '57'))).toBe(false);
  });

  it('are linked through a third one, if it is known', () => {
    const [relay, last] = [record('B', '57', '10'), record('C', '70', '57')];
    expect(linked([origin, last], origin, last)).toBe(false);
    expect(linked([origin, relay, last], origin, last)).toBe(true);
  });

  it('are linked if two filesystems received the same stream', () => {
    const [one, other] = [record('B', '57', '10'), record('C', '61', '10')];
    expect(linked([one, other], one, other)).toBe(true);
  });

  it('of two filesystems are not linked because their numbers are equal', () => {
    const other = record('B', '10');
    expect(linked([origin, other], origin, other)).toBe(false);
  });

  it('of different UUIDs are not linked', () => {
    const other = record('A', '10', null, 'v');
    expect(linked([origin, other], origin, other)).toBe(false);
  });

  it('are linked even if a filesystem happens to count the announced number', () => {
    const relay = record('B', '10', '10');
    expect(linked([origin, relay], origin, relay)).toBe(true);
  });

  it('are linked with none of several states that an announced ctransid could mean', () => {
    // A was changed in place, and counts its new state as B counts the old one.
    const [changed, relay, last] = [
      record('A', '57'),
      record('B', '57', '10'),
      record('C', '70', '57'),
    ];
    expect(linked([origin, changed, relay, last], last, relay)).toBe(false);
    expect(linked([origin, changed, relay, last], last, changed)).toBe(false);
    expect(linked([origin, relay, last], last, origin)).toBe(true);
    // Where records show that the several are one, it is that one.
    const same = [record('B', '57', '10'), record('D', '57', '10')];
    expect(linked([...same, last], last, record('D', '57'))).toBe(true);
  });

  it('are not linked by a number that one filesystem gives to two states', () => {
    const [one, other] = [record('B', '12', '7'), record('B', '12', '10')];
    const [first, second] = [record('A', '7'), record('A', '10')];
    const all = [one, other, first, second];
    expect(linked(all, first, second)).toBe(false);
    expect(linked(all, one, other)).toBe(false);
    expect(linked(all, one, first)).toBe(true);
    expect(linked(all, other, second)).toBe(true);
    // The stream that was sent on could be of either state.
    const last = record('C', '70', '12');
    for (const each of all) expect(linked([...all, last], last, each)).toBe(false);
  });

  it('of an unknown filesystem are linked like those announced by one', () => {
    expect(linked([record(null, '10'), origin], record(null, '10'), origin)).toBe(true);
  });
});

/**
 * A world of filesystems that announce contents to each other, where every one counts apart from
 * the others: then records link two states exactly where the contents are equal, as far as the
 * records that are kept lead.
 */
describe('linked records', () => {
  const step = fc.record({
    from: fc.nat(),
    to: fc.nat(4),
    keep: fc.boolean(),
    changed: fc.boolean(),
  });

  it('never link different contents, and link all equal ones if no record is lost', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), fc.boolean(), (steps, all) => {
        let clock = 0;
        const made = [{ contents: 0, kept: true, record: record('f0', `${clock++}`) }];
        for (const { from, to, keep, changed } of steps) {
          const source = made[from % made.length] as (typeof made)[number];
          const known = source.record;
          const next = changed
            ? // In place, at its origin, which no stream announced.
              { contents: ++clock, record: record('f0', `${clock}`) }
            : {
                contents: source.contents,
                record: record(`f${to + 1}`, `${++clock}`, known.ctransid),
              };
          made.push({ ...next, kept: keep || all });
        }
        const kept = made.filter((one) => one.kept);
        const states = linkStates(kept.map((one) => one.record));
        for (const a of kept) {
          for (const b of kept) {
            const same = states.of(a.record) === states.of(b.record);
            if (same) expect(a.contents).toBe(b.contents);
            else if (all) expect(a.contents).not.toBe(b.contents);
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});
