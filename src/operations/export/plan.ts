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
  readonly parent: 'auto' | 'none' | Snapshot;
  readonly cloneSources: readonly Snapshot[];
  /** Snapshots at the source whose UUID a stream in the archive has. */
  readonly candidates: readonly Snapshot[];
  readonly archived: readonly GraphStream[];
}

export interface ExportStep {
  readonly snapshot: Snapshot;
  readonly parent: Snapshot | null;
  readonly cloneSources: readonly Snapshot[];
  readonly reason: string;
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
  const archivedByUuid = groupBy(facts.archived, (stream) => stream.uuid);
  const inArchive = (s: Snapshot) =>
    archivedByUuid.get(s.identity.uuid)?.some((a) => sameState(a, s)) ?? false;
  const drifted = (s: Snapshot) => archivedByUuid.has(s.identity.uuid) && !inArchive(s);
  const restorable = new Set(receivable(facts.archived, []).map(key));

  const steps: ExportStep[] = [];
  const skipped: Snapshot[] = [];
  const usable = facts.candidates.filter((c) => restorable.has(key(c.identity)));
  for (const candidate of facts.candidates.filter(drifted)) {
    if (facts.parent === 'auto') warnings.push(driftWarning(candidate));
  }

  const sources = facts.cloneSources;
  for (const source of sources) {
    if (drifted(source)) throw driftFailure(source, 'clone source', undefined);
    const comesToo = facts.asked.some(({ uuid }) => uuid === source.uuid);
    if (!comesToo && !restorable.has(key(source.identity))) {
      warnings.push(absent(source, 'clone source'));
    }
  }

  const order = inOrderOfCreation(facts.asked);
  for (const [at, snapshot] of order.entries()) {
    if (drifted(snapshot)) throw conflict(snapshot);
    if (inArchive(snapshot)) {
      skipped.push(snapshot);
      continue;
    }
    const best = bestParent(snapshot, [...usable, ...steps.map((step) => step.snapshot)]);
    const { parent, reason } = parentFor(snapshot, best);
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
    });
  }
  return { steps, skipped, warnings };

  function parentFor(
    snapshot: Snapshot,
    best: Snapshot | null,
  ): { parent: Snapshot | null; reason: string } {
    const asked = facts.parent;
    if (asked === 'none') return { parent: null, reason: 'full, as asked' };
    if (asked === 'auto') {
      const reason =
        best === null
          ? facts.archived.length === 0 && steps.length === 0
            ? 'full: the archive is empty'
            : 'full: nothing related in the archive'
          : steps.some((step) => step.snapshot === best)
            ? 'follows the one before'
            : 'newest related in the archive';
      return { parent: best, reason };
    }
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
    if (!restorable.has(key(asked.identity))) warnings.push(absent(asked, 'parent'));
    return { parent: asked, reason: 'as asked' };
  }
}

/**
 * The best of `candidates` for a parent: of the same family, and nearest in age; an older one
 * before a newer one.
 */
export function bestParent<S extends Snapshot>(
  snapshot: Snapshot,
  candidates: readonly S[],
): S | null {
  const related = candidates.filter(
    (c) => c.family === snapshot.family && c.uuid !== snapshot.uuid,
  );
  const age = (c: S) => c.creationGeneration - snapshot.creationGeneration;
  const byAge = related.toSorted((a, b) => compare(age(a), age(b)));
  const older = byAge.findLast((c) => age(c) <= 0n);
  return older ?? byAge[0] ?? null;
}

function inOrderOfCreation(snapshots: readonly Snapshot[]): Snapshot[] {
  const unique = [...new Map(snapshots.map((s) => [s.uuid, s])).values()];
  return unique.toSorted((a, b) => compare(a.creationGeneration, b.creationGeneration));
}

const compare = (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0);

const key = ({ uuid, ctransid }: Identity) => `${uuid}/${ctransid}`;

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
