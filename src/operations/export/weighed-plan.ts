import { lookAtStanding } from '../../btrfs/standing.ts';
import { infoAt } from '../../btrfs/subvolume.ts';
import type { Segment } from '../../manifest/schema.ts';
import { archiveStanding, recordsOf } from './archive-standing.ts';
import { destinationsOf, type KnownReceipts, statesAt } from './destination.ts';
import { archivedKin, parentCandidates, recordedHere, type SourceFacts } from './facts.ts';
import { measureStream, sendOptions } from './measure.ts';
import { type NameOf, namesOf } from './names.ts';
import type { ExportOptions } from './options.ts';
import { isUsable, sizeKey, weighedParents } from './parent.ts';
import { type ExportPlan, planExport } from './plan.ts';
import type { Protocol } from './protocol.ts';
import {
  type ArchiveFacts,
  type BegunRecord,
  type ExportFacts,
  inOrderOfCreation,
  type Snapshot,
} from './snapshot.ts';
import type { Target } from './targets.ts';

/** A plan, and what was measured for it. */
export interface WeighedPlan {
  readonly plan: ExportPlan;
  readonly nameOf: NameOf;
  /** Bytes of the streams that were measured, by {@link sizeKey}. */
  readonly sizes: ReadonlyMap<string, number>;
}

/** The records on media of what was done before. */
interface Known {
  readonly receipts: KnownReceipts;
  /** Of streams that were begun on media, and continue on another. */
  readonly segments: readonly Segment[];
}

/** Measures streams and plans, again without each parent whose files turn out to be changed. */
export async function planWeighed(
  options: ExportOptions,
  source: SourceFacts,
  targets: readonly Target[],
  known: Known,
  protocol: Protocol,
  signal: AbortSignal,
): Promise<WeighedPlan> {
  let facts = await exportFacts(options, source, targets, known);
  for (;;) {
    const sizes = await weigh(facts, protocol, signal);
    const plan = planExport({ ...facts, sizes });
    const changed = await changedParents(plan, signal);
    if (changed.size === 0) {
      const archived = targets.flatMap(({ streams }) => streams);
      return { plan, nameOf: namesOf(plan, archived), sizes };
    }
    facts = { ...facts, candidates: facts.candidates.filter((each) => !changed.has(each)) };
  }
}

async function exportFacts(
  { requireIncremental, span }: ExportOptions,
  source: SourceFacts,
  targets: readonly Target[],
  { receipts: left, segments }: Known,
): Promise<ExportFacts> {
  const archived = targets.flatMap(({ streams }) => streams);
  const each = targets.map(({ streams, receipts, fingerprints }) => ({
    streams,
    bases: fingerprints,
    destinations: destinationsOf(receipts, left),
  }));
  const archives = span ? [asOne(each)] : each;
  const records = segments.map(begunRecord);
  const recorded = [
    ...archived,
    ...records.flatMap(({ parent }) => (parent === null ? [] : [parent])),
    ...recordsOf(archives),
  ];
  const { asked, parent, cloneSources } = source;
  return {
    asked,
    parent,
    cloneSources,
    candidates: await parentCandidates(source, recorded),
    archives,
    destination: left.asked && statesAt(left.asked),
    here: recordedHere(source, recorded),
    kin: archivedKin(source, archived),
    begun: records,
    requireIncremental,
  };
}

/** The media that a stream may spread over hold their streams together. */
function asOne(archives: readonly ArchiveFacts[]): ArchiveFacts {
  return {
    streams: archives.flatMap(({ streams }) => streams),
    bases: archives.flatMap(({ bases }) => bases),
    destinations: archives.flatMap(({ destinations }) => destinations),
  };
}

function begunRecord({ identity, parent, source: { filesystem } }: Segment): BegunRecord {
  return {
    state: { filesystem, ...identity },
    parent: parent === null ? null : { filesystem, ...parent },
  };
}

/** Examines the files of parents if nothing else shows whether they were changed. */
async function changedParents({ steps }: ExportPlan, signal: AbortSignal): Promise<Set<Snapshot>> {
  const changed = new Set<Snapshot>();
  for (const parent of new Set(steps.map((step) => step.parent))) {
    if (parent === null || parent.standing === 'genuine') continue;
    const standing = await lookAtStanding(parent.path, await infoAt(parent.path), signal);
    if (standing !== 'genuine') changed.add(parent);
  }
  return changed;
}

/** Measures the stream of each snapshot from each parent that is considered. */
async function weigh(
  facts: ExportFacts,
  protocol: Protocol,
  signal: AbortSignal,
): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  const { parent: by } = facts;
  if (by !== 'auto' && by !== 'best') return sizes;
  const standing = archiveStanding(facts);
  const earlier: Snapshot[] = [];
  for (const snapshot of inOrderOfCreation(facts.asked)) {
    const archives = [...facts.archives.keys()].filter((at) => !standing.holds(at, snapshot));
    if (archives.length === 0) continue;
    const usable = facts.candidates.filter((each) => isUsable(each, facts, standing, archives));
    const parents = weighedParents(by, snapshot, [...usable, ...earlier]);
    const compared = by === 'best' || parents.length > 0 ? [null, ...parents] : [];
    for (const parent of compared) {
      const size = await measureStream(sendOptions(snapshot, parent, [], protocol, signal));
      sizes.set(sizeKey(snapshot, parent), size);
    }
    earlier.push(snapshot);
  }
  return sizes;
}
