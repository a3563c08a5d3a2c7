import { type GraphStream, groupBy, receivable } from '../../archive/graph.ts';
import { Failure } from '../../failure/failure.ts';
import type { Text } from '../../manifest/text.ts';
import type { Identity, Warning } from '../event.ts';

/** A read-only snapshot at the source. */
export interface Snapshot {
  /** As the user may type it. */
  readonly path: string;
  readonly name: Text;
  readonly uuid: string;
  readonly receivedUuid: string | null;
  readonly creationGeneration: bigint;
  /** What a stream of it announces. */
  readonly identity: Identity;
  /** Equal for all snapshots that descend from one subvolume. */
  readonly family: string;
}

export interface ExportFacts {
  /** The snapshots to export. */
  readonly asked: readonly Snapshot[];
  readonly parent: 'auto' | 'best' | 'none' | Snapshot;
  readonly cloneSources: readonly Snapshot[];
  /** Snapshots at the source whose UUID a stream in an archive has. */
  readonly candidates: readonly Snapshot[];
  /** The streams of each archive that is exported to. */
  readonly archives: readonly (readonly GraphStream[])[];
  /** Bytes of stream from each parent that `best` weighs, by {@link sizeKey}. */
  readonly sizes?: ReadonlyMap<string, number>;
}

export interface ExportStep {
  readonly snapshot: Snapshot;
  readonly parent: Snapshot | null;
  readonly cloneSources: readonly Snapshot[];
  readonly reason: string;
  /** The archives that lack it, by their place among those exported to. */
  readonly archives: readonly number[];
}

export interface ExportPlan {
  /** In the order in which to send: each after the parent that it takes from this plan. */
  readonly steps: readonly ExportStep[];
  readonly skipped: readonly Snapshot[];
  readonly warnings: readonly Warning[];
}

/**
 * What to send, and from which parent. Pure: the same facts give the same plan. Throws
 * `archive-conflict` when a snapshot was changed after it was exported, and `parent-changed`
 * when that is true of the parent asked for.
 */
export function planExport(facts: ExportFacts): ExportPlan {
  const warnings: Warning[] = [];
  const { holds, drifted, restorable, restorableIn } = standing(facts.archives);

  const steps: ExportStep[] = [];
  const skipped: Snapshot[] = [];
  const usable = usableParents(facts);
  const choosing = facts.parent === 'auto' || facts.parent === 'best';
  for (const candidate of facts.candidates.filter(drifted)) {
    if (choosing) warnings.push(driftWarning(candidate));
  }

  const sources = facts.cloneSources;
  const wanting: Snapshot[] = [];
  for (const source of sources) {
    if (drifted(source)) throw driftFailure(source, 'clone source', undefined);
    const comesToo = facts.asked.some(({ uuid }) => uuid === source.uuid);
    if (!comesToo && !restorable(source)) wanting.push(source);
  }

  const order = inOrderOfCreation(facts.asked);
  for (const [at, snapshot] of order.entries()) {
    if (drifted(snapshot)) throw conflict(snapshot);
    const lacks =
      facts.parent === 'none'
        ? (index: number) => !restorableIn(index, snapshot)
        : (index: number) => !holds(index, snapshot);
    const archives = [...facts.archives.keys()].filter(lacks);
    if (archives.length === 0) {
      skipped.push(snapshot);
      if (!restorable(snapshot)) warnings.push(unrestorable(snapshot));
      continue;
    }
    const { parent, reason } = parentFor(snapshot, [
      ...usable,
      ...steps.map((step) => step.snapshot),
    ]);
    // Those that come later may clone from this one: in a circle, neither could be received.
    const later = new Set(order.slice(at).map((s) => s.uuid));
    const others = sources.filter((s) => !later.has(s.uuid) && s.uuid !== parent?.uuid);
    // Without -p, btrfs send makes one of them the parent, or gives up where none is related.
    const dropped = parent === null && others.length > 0;
    steps.push({
      snapshot,
      parent,
      cloneSources: dropped ? [] : others,
      reason: dropped ? `${reason}; clone sources only go with a parent` : reason,
      archives,
    });
  }
  for (const source of wanting) {
    const used = steps.some((step) => step.cloneSources.includes(source));
    if (used) warnings.push(absent(source, 'clone source'));
  }
  return { steps, skipped, warnings };

  function parentFor(
    snapshot: Snapshot,
    candidates: readonly Snapshot[],
  ): { parent: Snapshot | null; reason: string } {
    const asked = facts.parent;
    if (asked === 'none') return { parent: null, reason: 'full, as asked' };
    if (asked === 'best') return smallest(snapshot, candidates, facts.sizes ?? new Map());
    const best = bestParent(snapshot, candidates);
    if (asked === 'auto') return { parent: best, reason: reasonFor(best) };
    // A parent that was asked for begins the chain; what follows chains to the one before.
    const before = steps.at(-1)?.snapshot;
    if (before !== undefined) return { parent: before, reason: 'follows the one before' };
    if (asked.uuid === snapshot.uuid) {
      throw new Failure('usage', `${snapshot.path} can't be its own parent`, {
        hint: 'leave --parent out, or name another snapshot',
        where: { path: snapshot.path },
      });
    }
    if (drifted(asked)) throw driftFailure(asked, 'parent', best ?? undefined);
    if (!restorable(asked)) warnings.push(absent(asked, 'parent'));
    return { parent: asked, reason: 'as asked' };
  }

  function reasonFor(parent: Snapshot | null): string {
    if (parent !== null) {
      const inPlan = steps.some((step) => step.snapshot === parent);
      return inPlan ? 'follows the one before' : 'newest related in the archive';
    }
    const empty = steps.length === 0 && facts.archives.every((streams) => streams.length === 0);
    return empty ? 'full: the archive is empty' : 'full: nothing related in the archive';
  }
}

/** Candidates that every archive can restore in the state in which they are. */
export function usableParents({ candidates, archives }: ExportFacts): Snapshot[] {
  return candidates.filter(standing(archives).restorable);
}

/** How snapshots stand to the archives. */
function standing(archives: ExportFacts['archives']) {
  const byUuid = archives.map((streams) => groupBy(streams, (stream) => stream.uuid));
  const received = archives.map((streams) => groupBy(receivable(streams, []), (s) => s.uuid));
  const has = (streams: Map<string, GraphStream[]> | undefined, snapshot: Snapshot) =>
    streams?.get(snapshot.identity.uuid)?.some((stream) => sameState(stream, snapshot)) ?? false;
  const holds = (index: number, snapshot: Snapshot) => has(byUuid[index], snapshot);
  return {
    holds,
    restorable: (snapshot: Snapshot) => received.every((streams) => has(streams, snapshot)),
    restorableIn: (index: number, snapshot: Snapshot) => has(received[index], snapshot),
    /** An archive has it in another state. */
    drifted: (snapshot: Snapshot) =>
      byUuid.some((streams, at) => streams.has(snapshot.identity.uuid) && !holds(at, snapshot)),
  };
}

/** So many parents are weighed by `best` for each snapshot. */
const WEIGHED = 8;

/** The parents that `best` weighs: those nearest in age, and related ones before others. */
export function weighedParents(snapshot: Snapshot, candidates: readonly Snapshot[]): Snapshot[] {
  const distance = (c: Snapshot) => {
    const age = c.creationGeneration - snapshot.creationGeneration;
    return age < 0n ? -age : age;
  };
  return candidates
    .filter((c) => c.uuid !== snapshot.uuid)
    .toSorted((a, b) => compare(distance(a), distance(b)))
    .toSorted((a, b) => Number(b.family === snapshot.family) - Number(a.family === snapshot.family))
    .slice(0, WEIGHED);
}

export function sizeKey(snapshot: Snapshot, parent: Snapshot | null): string {
  return `${snapshot.uuid} ${parent?.uuid ?? 'full'}`;
}

function smallest(
  snapshot: Snapshot,
  candidates: readonly Snapshot[],
  sizes: ReadonlyMap<string, number>,
): { parent: Snapshot | null; reason: string } {
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

/**
 * The best of `candidates` for a parent: of the same family, and nearest in age; an older one
 * before a newer one.
 */
function bestParent<S extends Snapshot>(snapshot: Snapshot, candidates: readonly S[]): S | null {
  const related = candidates.filter(
    (c) => c.family === snapshot.family && c.uuid !== snapshot.uuid,
  );
  const age = (c: S) => c.creationGeneration - snapshot.creationGeneration;
  const byAge = related.toSorted((a, b) => compare(age(a), age(b)));
  const older = byAge.findLast((c) => age(c) <= 0n);
  return older ?? byAge[0] ?? null;
}

export function inOrderOfCreation(snapshots: readonly Snapshot[]): Snapshot[] {
  const unique = [...new Map(snapshots.map((s) => [s.uuid, s])).values()];
  return unique.toSorted((a, b) => compare(a.creationGeneration, b.creationGeneration));
}

const compare = (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0);

/**
 * The archive has this very state. Where either was received by the filesystem that sent it,
 * the ctransids are local to different filesystems and say nothing.
 */
function sameState(archived: GraphStream, snapshot: Snapshot): boolean {
  if (archived.ctransid === snapshot.identity.ctransid) return true;
  return archived.relayed !== (snapshot.receivedUuid !== null);
}

function driftWarning(snapshot: Snapshot): Warning {
  return {
    type: 'warning',
    code: 'parent-changed',
    message: `${snapshot.path} was changed after it was exported; it can't be a parent`,
  };
}

function driftFailure(snapshot: Snapshot, role: string, better: Snapshot | undefined): Failure {
  const hint =
    better === undefined
      ? 'use --parent auto, or --parent none for a full stream'
      : `use --parent ${better.path}`;
  return new Failure(
    'parent-changed',
    `${role} ${snapshot.path} was changed after it was exported: what the archive has is not what is here`,
    { hint, where: { path: snapshot.path, uuid: snapshot.identity.uuid } },
  );
}

function unrestorable({ path }: Snapshot): Warning {
  return {
    type: 'warning',
    code: 'not-restorable',
    message: `${path} is in the archive, but what it builds on is not`,
    hint: 'where no destination has that, export it again in full: --parent none',
  };
}

function absent(snapshot: Snapshot, role: string): Warning {
  const { uuid, ctransid } = snapshot.identity;
  return {
    type: 'warning',
    code: 'parent-not-in-archive',
    message: `the archive can't restore the ${role} ${snapshot.path}`,
    hint: `the destination must already have it: received UUID ${uuid}, ctransid ${ctransid}`,
  };
}

function conflict(snapshot: Snapshot): Failure {
  return new Failure(
    'archive-conflict',
    `${snapshot.path} was changed after it was exported to this archive`,
    {
      hint: `make a new snapshot and export that: btrfs subvolume snapshot -r ${snapshot.path} ${snapshot.path}.new`,
      where: { path: snapshot.path, uuid: snapshot.identity.uuid },
    },
  );
}
