import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Judged, keptBy, type Policy } from '../../../src/archive/retention/policy.ts';

interface Snapshot extends Judged {
  readonly name: string;
}

const now = Date.parse('2026-11-27T10:00:00Z');

/** Snapshots made at these times, newest first. */
const made = (...times: string[]): Snapshot[] =>
  times.map((time) => ({ name: time, isOrdered: true, madeAt: Date.parse(time) }));

/** The reasons for each snapshot that is kept, by name. */
const kept = (policy: Policy, snapshots: readonly Snapshot[]) =>
  Object.fromEntries([...keptBy(policy, snapshots, now)].map(([{ name }, why]) => [name, why]));

afterEach(() => void vi.unstubAllEnvs());

describe('a policy', () => {
  it('keeps the newest of each period, as restic counts', () => {
    const days = made(
      '2026-11-03T23:30:00Z',
      '2026-11-03T10:00:00Z',
      '2026-11-02T10:00:00Z',
      '2026-11-01T10:00:00Z',
      '2026-10-31T10:00:00Z',
      '2025-12-31T10:00:00Z',
    );
    vi.stubEnv('TZ', 'UTC');
    expect(kept({ last: 2 }, days)).toEqual({
      '2026-11-03T23:30:00Z': ['last'],
      '2026-11-03T10:00:00Z': ['last'],
    });
    expect(kept({ daily: 2, monthly: 2 }, days)).toEqual({
      '2026-11-03T23:30:00Z': ['daily', 'monthly'],
      '2026-11-02T10:00:00Z': ['daily'],
      '2026-10-31T10:00:00Z': ['monthly'],
    });
    expect(Object.keys(kept({ weekly: 2 }, days))).toEqual([
      '2026-11-03T23:30:00Z',
      '2026-11-01T10:00:00Z',
    ]);
    // There is room for more years, so the oldest of the last one stays.
    const sameYear = days.slice(0, 5);
    expect(kept({ yearly: 3 }, sameYear)).toEqual({
      '2026-11-03T23:30:00Z': ['yearly'],
      '2026-10-31T10:00:00Z': ['oldest'],
    });
    expect(Object.keys(kept({ daily: Number.POSITIVE_INFINITY }, days))).toHaveLength(5);
  });

  it('counts days of the local time zone', () => {
    const two = made('2026-11-03T23:30:00Z', '2026-11-03T10:00:00Z', '2026-11-02T22:30:00Z');
    vi.stubEnv('TZ', 'UTC');
    expect(Object.keys(kept({ daily: 2 }, two))).toEqual([two[0]?.name, two[2]?.name]);
    vi.stubEnv('TZ', 'Europe/Berlin');
    expect(Object.keys(kept({ daily: 2 }, two))).toEqual([two[0]?.name, two[1]?.name]);
  });

  it('counts a span back from the newest snapshot that is not of the future', () => {
    const within = (years: number, months: number, days: number, hours: number) => ({
      within: { years, months, days, hours },
    });
    const list = made(
      '2099-01-01T00:00:00Z',
      '2026-11-20T12:00:00Z',
      '2026-11-20T09:00:00Z',
      '2026-11-19T12:00:01Z',
      '2026-10-20T12:00:00Z',
      '2024-11-20T12:00:01Z',
    );
    vi.stubEnv('TZ', 'UTC');
    const count = (policy: Policy) => Object.keys(kept(policy, list)).length;
    expect(count(within(0, 0, 0, 3))).toBe(2);
    expect(count(within(0, 0, 1, 0))).toBe(4);
    expect(count(within(0, 1, 0, 1))).toBe(5);
    expect(count(within(2, 0, 0, 0))).toBe(6);
    expect(kept(within(0, 0, 0, 1), list.slice(0, 1))).toEqual({
      '2099-01-01T00:00:00Z': ['within'],
    });
  });

  it('keeps what it cannot judge, and does not count it', () => {
    const known = made('2026-11-03T10:00:00Z', '2026-11-02T10:00:00Z');
    const received = { name: 'received', isOrdered: true, madeAt: undefined };
    const raw = { name: 'raw', isOrdered: false, madeAt: undefined };
    const all = [received, raw, ...known];
    expect(kept({ daily: 1 }, all)).toEqual({
      received: ['undated'],
      raw: ['undated'],
      '2026-11-03T10:00:00Z': ['daily'],
    });
    // The order is known of those that were received.
    expect(kept({ last: 1 }, all)).toEqual({ received: ['last'], raw: ['undated'] });
  });

  it('keeps the newest snapshot whatever it is, and what another computation keeps', () => {
    vi.stubEnv('TZ', 'America/New_York');
    const key = {
      daily: (at: Date) => at.toLocaleDateString('sv'),
      weekly: (at: Date) => {
        const monday = new Date(at);
        while (monday.toLocaleDateString('en', { weekday: 'short' }) !== 'Mon') {
          monday.setHours(12);
          monday.setTime(monday.getTime() - 86_400_000);
        }
        return monday.toLocaleDateString('sv');
      },
      monthly: (at: Date) => at.toLocaleDateString('sv').slice(0, 7),
      yearly: (at: Date) => at.toLocaleDateString('sv').slice(0, 4),
    };
    const count = fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined });
    const policies = fc.record({
      last: count,
      daily: count,
      weekly: count,
      monthly: count,
      yearly: count,
    });
    const hours = fc.uniqueArray(fc.integer({ min: 0, max: 20_000 }), {
      minLength: 1,
      maxLength: 25,
    });
    fc.assert(
      fc.property(policies, hours, (policy, ages) => {
        const list = ages
          .toSorted((a, b) => a - b)
          .map((age) => ({ name: `${age}`, isOrdered: true, madeAt: now - age * 3_600_000 }));
        const expected = new Set(list.slice(0, policy.last ?? 0).map(({ name }) => name));
        for (const [rule, keyOf] of Object.entries(key)) {
          const most = policy[rule as keyof typeof key] ?? 0;
          const groups = new Map<string, string>();
          for (const { name, madeAt } of list) {
            const period = keyOf(new Date(madeAt));
            if (!groups.has(period)) groups.set(period, name);
          }
          const newest = [...groups.values()].slice(0, most);
          for (const name of newest) expected.add(name);
          if (newest.length < most) expected.add(list.at(-1)?.name as string);
        }
        const found = Object.keys(kept(policy, list));
        expect(new Set(found)).toEqual(expected);
        const isGiven = Object.values(policy).some((rule) => rule !== undefined);
        expect(found.includes(list[0]?.name as string)).toBe(isGiven);
      }),
      { numRuns: 300 },
    );
  });
});
