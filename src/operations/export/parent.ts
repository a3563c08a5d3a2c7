import { statesOf } from '../../archive/graph/graph.ts';
import type { ArchiveStanding } from './archive-standing.ts';
import { titlesAre } from './complaints.ts';
import type { ExportFacts, Snapshot } from './snapshot.ts';

/** The parent of a stream, and the reason for it. */
export interface ParentChoice {
  readonly parent: Snapshot | null;
  readonly reason: string;
}

/**
 * The parent for a snapshot:
 * - `none`: a full stream;
 * - `best`: whatever gives the smallest stream of those that were weighed;
 * - `auto`: the nearest in age of the same family, by {@link preferences}; where no family tells, as
 *   after the writable originals were deleted, the smallest of those that were weighed, if that
 *   pays: what is not related is better kept apart.
 *
 * @param archives those that lack it, by their place
 * @param before the snapshots that the plan sends earlier
 */
export function chooseParent(
  facts: ExportFacts,
  standing: ArchiveStanding,
  snapshot: Snapshot,
  archives: readonly number[],
  before: readonly Snapshot[],
): ParentChoice {
  const { parent: asked, candidates, sizes = new Map() } = facts;
  if (asked === 'none') return { parent: null, reason: 'full, as asked' };
  const below = candidates.filter(({ mountPoint }) => mountPoint === snapshot.mountPoint);
  const sent = before.filter(({ mountPoint }) => mountPoint === snapshot.mountPoint);
  const restorable = (each: Snapshot) => standing.restorable(each, archives);
  const usable = [...below.filter((each) => isUsable(each, facts, standing, archives)), ...sent];
  if (asked === 'best') return smallest(snapshot, usable, sizes);
  for (const { suits, reason } of preferences(facts, standing, archives)) {
    const related = nearestRelated(snapshot, [...below.filter(suits), ...sent]);
    if (related === null) continue;
    const inPlan = before.includes(related);
    return { parent: related, reason: inPlan ? 'follows the one before' : reason };
  }
  const weighed = smallest(snapshot, usable, sizes);
  if (weighed.parent !== null && pays(snapshot, weighed.parent, sizes)) return weighed;
  return { parent: null, reason: fullReason(facts, standing, snapshot, restorable, before) };
}

interface Preference {
  readonly suits: (snapshot: Snapshot) => boolean;
  /** Why a parent is the one that suits best. */
  readonly reason: string;
}

/**
 * The demands on a parent, the best first. A stream for one destination builds on what that has. An
 * archive that was only carried to some shall stay restorable by itself, if its destinations can use
 * the same parent; otherwise they come first, since nothing else can read a stream for them.
 */
function preferences(
  { destination }: ExportFacts,
  { reachesIn, restorableIn }: ArchiveStanding,
  archives: readonly number[],
): Preference[] {
  const each = (suits: (index: number, snapshot: Snapshot) => boolean) => (snapshot: Snapshot) =>
    archives.every((index) => suits(index, snapshot));
  const both = each(
    (index, snapshot) => restorableIn(index, snapshot) && reachesIn(index, snapshot),
  );
  const inArchive = 'newest related in the archive';
  const restorable = { suits: each(restorableIn), reason: inArchive };
  if (destination !== null) {
    return [
      { suits: each(reachesIn), reason: 'newest related that the destination has' },
      restorable,
    ];
  }
  const receipts = 'newest related that the receipts have';
  return [
    { suits: both, reason: inArchive },
    { suits: each(reachesIn), reason: receipts },
    restorable,
    {
      suits: each((index, snapshot) => restorableIn(index, snapshot) || reachesIn(index, snapshot)),
      reason: receipts,
    },
  ];
}

/** Reports whether the archives can restore a snapshot, or the destination that was asked for has it. */
export function isUsable(
  snapshot: Snapshot,
  { destination }: ExportFacts,
  { restorable, reaches }: ArchiveStanding,
  archives: readonly number[],
): boolean {
  return restorable(snapshot, archives) || (destination !== null && reaches(snapshot, archives));
}

/** The true reason for a full stream. */
function fullReason(
  { archives, candidates, destination, here, kin }: ExportFacts,
  { states }: ArchiveStanding,
  snapshot: Snapshot,
  restorable: (snapshot: Snapshot) => boolean,
  before: readonly Snapshot[],
): string {
  if (destination !== null && before.length === 0) {
    return 'full: nothing related here that the destination has';
  }
  const empty = archives.every(({ streams }) => streams.length === 0);
  if (empty && before.length === 0) return 'full: the archive is empty';
  const { family: own, mountPoint } = snapshot;
  const family = kin.filter((each) => each.family === own);
  const present = statesOf(
    here.map(({ state }) => state),
    states,
  );
  const gone = family.filter(({ state }) => !present.has(states.of(state)));
  const reached = candidates.filter((each) => each.mountPoint === mountPoint);
  const below = statesOf(
    reached.map(({ state }) => state),
    states,
  );
  const hidden = here.filter(
    ({ state, family: its }) =>
      its === own && !below.has(states.of(state)) && states.of(state) !== states.of(snapshot.state),
  );
  if (hidden.length > 0) return `full: ${titlesAre(hidden)} here, but not below ${mountPoint}`;
  if (family.length > 0 && gone.length === family.length) {
    return `full: ${titlesAre(family)} in the archive, but no longer here`;
  }
  const lost = reached.filter(
    (c) => c.family === own && c.uuid !== snapshot.uuid && !restorable(c),
  );
  if (lost.length > 0) {
    return `full: ${titlesAre(lost)} here, but the archive cannot restore ${lost.length === 1 ? 'it' : 'them'}`;
  }
  const weighed = candidates.some((candidate) => restorable(candidate));
  return weighed
    ? 'full: nothing related in the archive, and nothing that makes it smaller'
    : 'full: nothing related in the archive';
}

/** The most parents that are measured for each snapshot: by `best`, and by `auto` without relatives. */
const WEIGHED = { best: 8, auto: 3 } as const;

/**
 * The parents to measure for a snapshot: related ones before others, and of each kind the nearest in
 * age first. None for `auto` if one is related.
 */
export function weighedParents(
  by: keyof typeof WEIGHED,
  snapshot: Snapshot,
  candidates: readonly Snapshot[],
): Snapshot[] {
  const below = candidates.filter(({ mountPoint }) => mountPoint === snapshot.mountPoint);
  if (by === 'auto' && nearestRelated(snapshot, below) !== null) return [];
  const distance = (c: Snapshot) => {
    const age = c.creationTransid - snapshot.creationTransid;
    return age < 0n ? -age : age;
  };
  return below
    .filter((c) => c.uuid !== snapshot.uuid)
    .toSorted((a, b) => Number(distance(a) - distance(b)))
    .toSorted((a, b) => Number(b.family === snapshot.family) - Number(a.family === snapshot.family))
    .slice(0, WEIGHED[by]);
}

export function sizeKey(snapshot: Snapshot, parent: Snapshot | null): string {
  return `${snapshot.uuid} ${parent?.uuid ?? 'full'}`;
}

function smallest(
  snapshot: Snapshot,
  candidates: readonly Snapshot[],
  sizes: ReadonlyMap<string, number>,
): ParentChoice {
  let best: { parent: Snapshot | null; size: number } = {
    parent: null,
    size: sizes.get(sizeKey(snapshot, null)) ?? Number.POSITIVE_INFINITY,
  };
  const weighed = candidates.filter((parent) => sizes.has(sizeKey(snapshot, parent)));
  for (const parent of weighed) {
    const size = sizes.get(sizeKey(snapshot, parent)) ?? Number.POSITIVE_INFINITY;
    if (size < best.size) best = { parent, size };
  }
  const of = `the smallest of ${weighed.length + 1}`;
  return { parent: best.parent, reason: best.parent === null ? `full: ${of}` : of };
}

/** Bytes of a full stream below which no unrelated parent pays. */
const SMALL = 1024 * 1024;

/** Whether a stream from an unrelated parent is at most half of a full one that is not small. */
function pays(snapshot: Snapshot, parent: Snapshot, sizes: ReadonlyMap<string, number>): boolean {
  const full = sizes.get(sizeKey(snapshot, null)) ?? 0;
  const size = sizes.get(sizeKey(snapshot, parent)) ?? Number.POSITIVE_INFINITY;
  return full >= SMALL && 2 * size <= full;
}

/** The nearest in age of the same family. An older one comes before a newer one. */
function nearestRelated(snapshot: Snapshot, candidates: readonly Snapshot[]): Snapshot | null {
  const related = candidates.filter(
    (c) => c.family === snapshot.family && c.uuid !== snapshot.uuid,
  );
  const age = (c: Snapshot) => c.creationTransid - snapshot.creationTransid;
  const byAge = related.toSorted((a, b) => Number(age(a) - age(b)));
  const older = byAge.findLast((c) => age(c) <= 0n);
  return older ?? byAge[0] ?? null;
}
