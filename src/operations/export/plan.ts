import type { GraphStream } from '../../archive/graph/graph.ts';
import type { Warning } from '../../events/warning.ts';
import { type ArchiveStanding, archiveStanding } from './archive-standing.ts';
import {
  absent,
  changedParent,
  conflict,
  driftWarning,
  fullAgain,
  fullAgainWarning,
  otherMount,
  ownParent,
  twice,
  unrestorable,
} from './complaints.ts';
import { chooseParent, type ParentChoice } from './parent.ts';
import { type ExportFacts, inOrderOfCreation, type Snapshot } from './snapshot.ts';

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
  /** The newest snapshot is in an archive that can't restore it, and no receipt has what lacks. */
  readonly stranded: boolean;
  readonly warnings: readonly Warning[];
}

/**
 * What to send, and from which parent. Pure: the same facts give the same plan. Throws
 * `archive-conflict` when an archive has another state of a snapshot, `parent-changed` when that
 * is true of the parent asked for, and `parent-missing` for a full stream that must not be.
 */
export function planExport(facts: ExportFacts): ExportPlan {
  const standing = archiveStanding(facts);
  const { drifted, restorable, vouched } = standing;
  const warnings = driftWarnings(facts, standing);
  const steps: ExportStep[] = [];
  const skipped: Snapshot[] = [];
  const order = inOrderOfCreation(oncePerState(facts.asked, standing));
  for (const [at, snapshot] of order.entries()) {
    if (drifted(snapshot)) throw conflict(snapshot, standing.countedByItsFilesystem(snapshot));
    const archives = lackingArchives(facts, standing, snapshot);
    if (archives.length === 0) {
      skipped.push(snapshot);
      continue;
    }
    const { parent, reason } = parentFor(snapshot, archives);
    if (parent === null) noteFullAgain(snapshot, reason);
    // Those that come later may clone from this one: in a circle, neither could be received.
    const later = new Set(order.slice(at).map((s) => s.uuid));
    const others = facts.cloneSources.filter(
      (s) => !later.has(s.uuid) && s.uuid !== parent?.uuid && s.mountPoint === snapshot.mountPoint,
    );
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
  const lost = lostAfter(facts, steps, skipped);
  warnings.push(...lost.map(unrestorable), ...cloneSourceWarnings(facts, standing, steps));
  const newest = order.at(-1);
  return { steps, skipped, stranded: newest !== undefined && lost.includes(newest), warnings };

  function parentFor(snapshot: Snapshot, archives: readonly number[]): ParentChoice {
    const before = steps.map((step) => step.snapshot);
    const asked = facts.parent;
    if (typeof asked === 'string') {
      const choice = chooseParent(facts, standing, snapshot, archives, before);
      const { parent } = choice;
      const here = parent === null || before.includes(parent) || restorable(parent, archives);
      if (!here) warnings.push(absent(parent, 'parent', vouched(parent, archives)));
      return choice;
    }
    // A parent that was asked for begins the chain; what follows chains to the one before.
    const last = before.findLast(({ mountPoint }) => mountPoint === snapshot.mountPoint);
    if (last !== undefined) return { parent: last, reason: 'follows the one before' };
    if (asked.uuid === snapshot.uuid) throw ownParent(snapshot);
    if (asked.mountPoint !== snapshot.mountPoint) throw otherMount(snapshot, asked);
    if (drifted(asked)) {
      const auto = { ...facts, parent: 'auto' } as const;
      const { parent: better } = chooseParent(auto, standing, snapshot, archives, []);
      throw changedParent(asked, 'parent', better);
    }
    if (!restorable(asked, archives)) {
      warnings.push(absent(asked, 'parent', vouched(asked, archives)));
    }
    return { parent: asked, reason: 'as asked' };
  }

  function noteFullAgain(snapshot: Snapshot, reason: string): void {
    const kin = facts.kin.filter(({ family }) => family === snapshot.family);
    if (facts.parent === 'none' || kin.length === 0) return;
    if (facts.requireIncremental) throw fullAgain(snapshot, reason);
    warnings.push(fullAgainWarning(snapshot, reason, kin.length));
  }
}

/**
 * One snapshot of each state: copies of one hold the same. Throws `archive-conflict` where two have
 * one UUID and are not known to hold the same: no archive may have both.
 */
function oncePerState(asked: readonly Snapshot[], { states }: ArchiveStanding): Snapshot[] {
  const byUuid = new Map<string, Snapshot>();
  for (const snapshot of asked) {
    const other = byUuid.get(snapshot.state.uuid);
    if (other === undefined) byUuid.set(snapshot.state.uuid, snapshot);
    else if (states.of(other.state) !== states.of(snapshot.state)) throw twice(other, snapshot);
  }
  return [...byUuid.values()];
}

/** Those of the skipped that the archives can't restore, once they have what is planned. */
function lostAfter(
  facts: ExportFacts,
  steps: readonly ExportStep[],
  skipped: readonly Snapshot[],
): Snapshot[] {
  const archives = facts.archives.map((archive, index) => {
    const added = steps.filter((step) => step.archives.includes(index)).map(streamOf);
    return { ...archive, streams: [...archive.streams, ...added] };
  });
  const { restorable, vouched } = archiveStanding({ ...facts, archives });
  return skipped.filter((snapshot) => !restorable(snapshot) && !vouched(snapshot));
}

function streamOf({ snapshot, parent, cloneSources }: ExportStep): GraphStream {
  const requires = [...(parent === null ? [] : [parent]), ...cloneSources];
  return { ...snapshot.state, requires: requires.map(({ state }) => state), cost: 0 };
}

/** The archives that a snapshot goes to, by their place. */
function lackingArchives(
  { archives, parent }: ExportFacts,
  { holds, restorableIn }: ArchiveStanding,
  snapshot: Snapshot,
): number[] {
  // Who asks for full streams wants them where what is there builds on something lost.
  const has = parent === 'none' ? restorableIn : holds;
  return [...archives.keys()].filter((index) => !has(index, snapshot));
}

function driftWarnings({ candidates, parent }: ExportFacts, { drifted }: ArchiveStanding) {
  const choosing = parent === 'auto' || parent === 'best';
  return choosing ? candidates.filter(drifted).map(driftWarning) : [];
}

/** Throws for a clone source that an archive has in another state. */
function cloneSourceWarnings(
  { asked, cloneSources }: ExportFacts,
  { drifted, restorable, vouched }: ArchiveStanding,
  steps: readonly ExportStep[],
): Warning[] {
  const changed = cloneSources.find(drifted);
  if (changed !== undefined) throw changedParent(changed, 'clone source', null);
  const used = new Set(steps.flatMap((step) => step.cloneSources));
  const comesToo = (source: Snapshot) => asked.some(({ uuid }) => uuid === source.uuid);
  return cloneSources
    .filter((source) => used.has(source) && !comesToo(source) && !restorable(source))
    .map((source) => absent(source, 'clone source', vouched(source)));
}
