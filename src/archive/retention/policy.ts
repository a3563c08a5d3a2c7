import type { KeepReason } from '../../names/retention.ts';

/** How many snapshots of one source to keep. A member that is absent keeps none. */
export interface Policy {
  /** Counts from 1 on; infinite for all. */
  readonly last?: number | undefined;
  readonly daily?: number | undefined;
  readonly weekly?: number | undefined;
  readonly monthly?: number | undefined;
  readonly yearly?: number | undefined;
  /** Keeps what was made at most this long before the newest snapshot of the source. */
  readonly within?: Span | undefined;
}

/** A span of the calendar. Months and years are as long as those before the moment it ends at. */
export interface Span {
  readonly years: number;
  readonly months: number;
  readonly days: number;
  readonly hours: number;
}

/** A snapshot as a policy judges it. */
export interface Judged {
  /** It is known which snapshots of its source are older. */
  readonly isOrdered: boolean;
  /** When it was made, milliseconds since 1970; undefined if that is not known. */
  readonly madeAt: number | undefined;
}

/** A rule keeps the newest snapshot of each of the newest so many periods. */
const periods = {
  last: (_: Date, place: number) => place,
  daily: (at: Date) => startOf(at, at.getMonth(), at.getDate()),
  // Weeks begin on Monday.
  weekly: (at: Date) => startOf(at, at.getMonth(), at.getDate() - ((at.getDay() + 6) % 7)),
  monthly: (at: Date) => startOf(at, at.getMonth(), 1),
  yearly: (at: Date) => startOf(at, 0, 1),
} satisfies Partial<Record<KeepReason, (at: Date, place: number) => number>>;

type Rule = keyof typeof periods;

/** Reports whether a policy has a rule at all. */
export function isEmpty(policy: Policy): boolean {
  return Object.values(policy).every((rule) => rule === undefined);
}

/**
 * Finds the snapshots of one source that a policy keeps, as `restic forget` counts them, and why.
 * Periods are those of the local time zone. A snapshot that a rule cannot judge is kept, and not
 * counted.
 *
 * @param newestFirst all snapshots of the source
 * @param now milliseconds since 1970
 */
export function keptBy<S extends Judged>(
  policy: Policy,
  newestFirst: readonly S[],
  now: number,
): Map<S, KeepReason[]> {
  const kept = new Map<S, KeepReason[]>();
  const keep = (snapshot: S, reason: KeepReason) => {
    const reasons = kept.get(snapshot) ?? [];
    if (!reasons.includes(reason)) kept.set(snapshot, [...reasons, reason]);
  };
  const ordered = newestFirst.filter(({ isOrdered }) => isOrdered);
  const dated = ordered.filter(({ madeAt }) => madeAt !== undefined);
  const needsDates = Object.keys(policy).some(
    (rule) => rule !== 'last' && policy[rule as keyof Policy] !== undefined,
  );
  for (const snapshot of newestFirst) {
    const { isOrdered, madeAt } = snapshot;
    if (!isOrdered || (needsDates && madeAt === undefined)) keep(snapshot, 'undated');
  }
  for (const rule of Object.keys(periods) as Rule[]) {
    const list = rule === 'last' ? ordered : dated;
    for (const [snapshot, reason] of keptByRule(rule, policy[rule] ?? 0, list)) {
      keep(snapshot, reason);
    }
  }
  if (policy.within !== undefined) {
    const past = dated.filter(({ madeAt = 0 }) => madeAt <= now);
    const newest = Math.max(...past.map(({ madeAt = 0 }) => madeAt));
    const since = before(newest, policy.within);
    // Without a newest one, all were made in the future, as the clock says.
    for (const snapshot of dated) {
      if (!((snapshot.madeAt ?? 0) <= since)) keep(snapshot, 'within');
    }
  }
  return kept;
}

function keptByRule<S extends Judged>(
  rule: Rule,
  count: number,
  newestFirst: readonly S[],
): [S, KeepReason][] {
  const kept: [S, KeepReason][] = [];
  const seen = new Set<number>();
  for (const [place, snapshot] of newestFirst.entries()) {
    if (kept.length >= count) break;
    const period = periods[rule](new Date(snapshot.madeAt ?? 0), place);
    if (!seen.has(period)) kept.push([snapshot, rule]);
    // As long as there is room, history reaches back as far as it can.
    else if (place === newestFirst.length - 1) kept.push([snapshot, 'oldest']);
    seen.add(period);
  }
  return kept;
}

/** The first moment of a day in local time, milliseconds since 1970. */
function startOf(at: Date, month: number, day: number): number {
  const start = new Date(at);
  start.setMonth(month, day);
  start.setHours(0, 0, 0, 0);
  return start.getTime();
}

/** The moment a span before `moment`, in local time, milliseconds since 1970. */
function before(moment: number, { years, months, days, hours }: Span): number {
  const at = new Date(moment);
  at.setFullYear(at.getFullYear() - years, at.getMonth() - months, at.getDate() - days);
  return at.getTime() - hours * 3_600_000;
}
