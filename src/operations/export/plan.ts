import type { GraphStream } from '../../archive/graph/graph.ts';
import type { Warning } from '../../events/warning.ts';
import { Failure } from '../../failure/failure.ts';
import type { StateRecord } from '../../names/state.ts';
import { type ArchiveStanding, archiveStanding } from './archive-standing.ts';
import {
  absent,
  changedParent,
  conflict,
  driftWarning,
  fullAgain,
  fullAgainWarning,
  inheritedWarning,
  otherMount,
  ownParent,
  twice,
  unrestorable,
} from './complaints.ts';
import { chooseParent, type ParentChoice } from './parent.ts';
import {
  type BegunRecord,
  type ExportFacts,
  inOrderOfCreation,
  type Snapshot,
} from './snapshot.ts';

export interface ExportStep {
  readonly snapshot: Snapshot;
  readonly parent: Snapshot | null;
  readonly cloneSources: readonly Snapshot[];
  readonly reason: string;
  /** The archives that lack it: indexes into {@link ExportFacts.archives}. */
  readonly archives: readonly number[];
}

export interface ExportPlan {
  /** In the order of sending: each follows its parent if the plan sends that too. */
  readonly steps: readonly ExportStep[];
  /** Snapshots that every archive has. */
  readonly skipped: readonly Snapshot[];
  /** Other snapshots that the destination has which was asked for. */
  readonly received: readonly Snapshot[];
  /** Those that it had, and removed: it would not receive them again. */
  readonly removed: readonly Snapshot[];
  /** The newest snapshot is in an archive that cannot restore it, and no receipt has what it needs. */
  readonly stranded: boolean;
  readonly warnings: readonly Warning[];
}

/**
 * Decides which snapshots to send, in which order, and from which parents. Pure: the same facts give
 * the same plan.
 *
 * @throws {Failure} `archive-conflict` if an archive has another state of a snapshot;
 *   `parent-changed` if it has another state of the parent that was asked for; `parent-missing` if a
 *   snapshot could only be sent in full, and must not be
 */
export function planExport(facts: ExportFacts): ExportPlan {
  const standing = archiveStanding(facts);
  const warnings = driftWarnings(facts, standing);
  const planning: Planning = {
    facts,
    standing,
    steps: [],
    skipped: [],
    received: [],
    removed: [],
    warnings,
  };
  const order = inOrderOfCreation(oncePerState(facts.asked, standing));
  for (const [at, snapshot] of order.entries()) planSnapshot(snapshot, order.slice(at), planning);
  const { steps, skipped, received, removed } = planning;
  const lost = lostAfter(facts, steps, skipped);
  const passing = steps.filter(({ snapshot: { inherited = [] } }) => inherited.length > 0);
  warnings.push(...passing.map(({ snapshot }) => inheritedWarning(snapshot)));
  warnings.push(...lost.map(unrestorable), ...cloneSourceWarnings(facts, standing, steps));
  const newest = order.at(-1);
  return {
    steps,
    skipped,
    received,
    removed,
    stranded: newest !== undefined && lost.includes(newest),
    warnings,
  };
}

/** A plan in the making. */
interface Planning {
  readonly facts: ExportFacts;
  readonly standing: ArchiveStanding;
  readonly steps: ExportStep[];
  readonly skipped: Snapshot[];
  readonly received: Snapshot[];
  readonly removed: Snapshot[];
  readonly warnings: Warning[];
}

/** @param later the snapshots from this one on, in the order of sending */
function planSnapshot(snapshot: Snapshot, later: readonly Snapshot[], planning: Planning): void {
  const { facts, standing, steps, skipped, received, removed } = planning;
  if (standing.drifted(snapshot)) {
    throw conflict(snapshot, standing.countedByItsFilesystem(snapshot));
  }
  const archives = lackingArchives(facts, standing, snapshot);
  if (archives.length === 0) {
    skipped.push(snapshot);
    return;
  }
  if (standing.received(snapshot)) {
    received.push(snapshot);
    return;
  }
  if (standing.removed(snapshot)) {
    removed.push(snapshot);
    return;
  }
  const { parent, reason } = parentFor(snapshot, archives, planning);
  if (parent === null) noteFullAgain(snapshot, reason, planning);
  const others = cloneSourcesFor(snapshot, parent, later, facts);
  // Without -p, btrfs send makes one of them the parent, or gives up if none is related.
  const dropped = parent === null && others.length > 0;
  steps.push({
    snapshot,
    parent,
    cloneSources: dropped ? [] : others,
    reason: dropped ? `${reason}; clone sources only go with a parent` : reason,
    archives,
  });
}

/** Leaves out later snapshots, which may clone from this one: neither could be received first. */
function cloneSourcesFor(
  snapshot: Snapshot,
  parent: Snapshot | null,
  later: readonly Snapshot[],
  { cloneSources }: ExportFacts,
): Snapshot[] {
  const excluded = new Set(
    [...later, ...(parent === null ? [] : [parent])].map(({ uuid }) => uuid),
  );
  return cloneSources.filter(
    ({ uuid, mountPoint }) => !excluded.has(uuid) && mountPoint === snapshot.mountPoint,
  );
}

function parentFor(
  snapshot: Snapshot,
  archives: readonly number[],
  { facts, standing, steps, warnings }: Planning,
): ParentChoice {
  const begun = facts.begun?.find(({ state }) => isSame(state, snapshot.state));
  if (begun !== undefined) return begunParent(snapshot, begun, facts);
  const before = steps.map((step) => step.snapshot);
  const asked = facts.parent;
  const { restorable, vouched } = standing;
  if (typeof asked === 'string') {
    const choice = chooseParent(facts, standing, snapshot, archives, before);
    const { parent } = choice;
    const isKnown = parent === null || before.includes(parent) || restorable(parent, archives);
    if (!isKnown) warnings.push(absent(parent, 'parent', vouched(parent, archives)));
    return choice;
  }
  // The parent that was asked for begins the chain, and each later snapshot follows the last one.
  const last = before.findLast(({ mountPoint }) => mountPoint === snapshot.mountPoint);
  if (last !== undefined) return { parent: last, reason: 'follows the one before' };
  if (asked.uuid === snapshot.uuid) throw ownParent(snapshot);
  if (asked.mountPoint !== snapshot.mountPoint) throw otherMount(snapshot, asked);
  if (standing.drifted(asked)) {
    const auto = { ...facts, parent: 'auto' } as const;
    const { parent: better } = chooseParent(auto, standing, snapshot, archives, []);
    throw changedParent(asked, 'parent', better);
  }
  if (!restorable(asked, archives)) {
    warnings.push(absent(asked, 'parent', vouched(asked, archives)));
  }
  return { parent: asked, reason: 'as asked' };
}

/** Continues a stream from the parent that it was begun with. */
function begunParent(
  { path, state }: Snapshot,
  { parent }: BegunRecord,
  { asked, candidates }: ExportFacts,
): ParentChoice {
  const reason = 'continues what was begun';
  if (parent === null) return { parent, reason: `full: ${reason}` };
  const found = [...asked, ...candidates].find((each) => isSame(parent, each.state));
  if (found !== undefined) return { parent: found, reason };
  throw new Failure('parent-missing', `${path} was begun from a snapshot that is not here`, {
    hint: 'bring that back; or remove what was begun from each medium',
    where: { path, uuid: state.uuid, expected: parent.uuid },
  });
}

function isSame(one: StateRecord, other: StateRecord): boolean {
  return one.uuid === other.uuid && one.ctransid === other.ctransid;
}

function noteFullAgain(snapshot: Snapshot, reason: string, { facts, warnings }: Planning): void {
  const kin = facts.kin.filter(({ family }) => family === snapshot.family);
  const isBegun = facts.begun?.some(({ state }) => isSame(state, snapshot.state));
  if (isBegun || facts.parent === 'none' || kin.length === 0) return;
  if (facts.requireIncremental) throw fullAgain(snapshot, reason);
  warnings.push(fullAgainWarning(snapshot, reason, kin.length));
}

/**
 * Keeps one snapshot of each state, because copies hold the same.
 *
 * @throws {Failure} `archive-conflict` if two snapshots have one UUID and no record shows that they
 *   hold the same: no archive may have both
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

/** The skipped snapshots that the archives cannot restore after the planned export. */
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
  return { ...snapshot.state, requires: requires.map(({ state }) => state), storedBytes: 0 };
}

/** The archives that lack a snapshot, by index. */
function lackingArchives(
  { archives, parent }: ExportFacts,
  { holds, restorableIn }: ArchiveStanding,
  snapshot: Snapshot,
): number[] {
  // `--parent none` means: send it in full if the archive's own stream builds on something lost.
  const has = parent === 'none' ? restorableIn : holds;
  return [...archives.keys()].filter((index) => !has(index, snapshot));
}

function driftWarnings({ candidates, parent }: ExportFacts, { drifted }: ArchiveStanding) {
  const choosing = parent === 'auto' || parent === 'best';
  return choosing ? candidates.filter(drifted).map(driftWarning) : [];
}

/** @throws {Failure} `parent-changed` for a clone source that an archive has in another state */
function cloneSourceWarnings(
  { asked, cloneSources }: ExportFacts,
  { drifted, restorable, vouched }: ArchiveStanding,
  steps: readonly ExportStep[],
): Warning[] {
  const changed = cloneSources.find(drifted);
  if (changed !== undefined) throw changedParent(changed, 'clone source', null);
  const used = new Set(steps.flatMap((step) => step.cloneSources));
  const isSentToo = (source: Snapshot) => asked.some(({ uuid }) => uuid === source.uuid);
  return cloneSources
    .filter((source) => used.has(source) && !isSentToo(source) && !restorable(source))
    .map((source) => absent(source, 'clone source', vouched(source)));
}
