import type { StoredFingerprint } from '../../archive/read/fingerprints.ts';
import { checkStored } from '../../archive/read/integrity.ts';
import { allRecords } from '../../archive/read/records.ts';
import type { Filesystem } from '../../btrfs/filesystem.ts';
import type { AdoptResult } from '../../events/fingerprint.ts';
import { exit } from '../../failure/failure.ts';
import { linkStates } from '../../names/state.ts';
import { requireRoot } from '../../process/privilege.ts';
import { chosenFingerprint } from '../archives/choice.ts';
import { type Archives, finishReading, openArchives } from '../archives/open.ts';
import { bearersOf, genuineIn } from '../import/destination.ts';
import { examineDirectory, inHeldDirectory } from '../import/directory.ts';
import { destinationFacts } from '../import/facts.ts';
import { whyNotPresent } from '../import/reason.ts';
import { receiveInto } from '../import/run.ts';
import type { Context, Operation } from '../operation.ts';
import { type Comparison, compare, copyDiffers } from './compare.ts';
import { assertAdoptable, assertStillFrozen, frozen } from './copy.ts';
import type { AdoptOptions } from './options.ts';
import { relinkStream } from './relink.ts';

/**
 * Gives a copy that was not received the identity of the snapshot that it equals, so that incremental
 * streams can build on it. Proves before that it is equal.
 */
export const runAdopt: Operation<AdoptOptions, AdoptResult> = async (options, context) => {
  const started = performance.now();
  requireRoot('adopt');
  const { copy, into, only, dryRun } = options;
  const archives = await openArchives(options.archives, context);
  const stored = chosenFingerprint(
    { fingerprints: archives.fingerprints, damaged: archives.damagedFingerprints },
    only,
    '--only',
  );
  await assertComplete(stored);
  const filesystem = await examineDirectory(into);
  await assertAdoptable(copy, into, filesystem);
  const resultOf = (comparison: Comparison | undefined, exitCode: AdoptResult['exit']) => ({
    type: 'result' as const,
    command: 'adopt' as const,
    exit: exitCode,
    done: comparison === undefined || dryRun ? 0 : 1,
    skipped: comparison === undefined ? 1 : 0,
    differences: comparison?.differences ?? 0,
    entries: comparison?.entries ?? 0,
    bytes: comparison?.bytes ?? 0,
    seconds: (performance.now() - started) / 1000,
    dryRun,
  });
  return inHeldDirectory(into, filesystem, context.emit, async () => {
    const present = await isPresent(stored, archives, into, filesystem, context);
    const comparison = present
      ? undefined
      : await adopt(stored, archives, filesystem, options, context);
    await finishReading(archives);
    return resultOf(comparison, exit.done);
  });
};

/** Looks at the files of a fingerprint before a long comparison. */
async function assertComplete(stored: StoredFingerprint): Promise<void> {
  // Files that come through a pipe show their failures only when they come.
  if (stored.source.position !== undefined) return;
  const [failure] = await checkStored(stored);
  if (failure !== undefined) throw failure;
}

/**
 * Reports whether the destination has the snapshot already.
 *
 * @throws {Failure} `destination-unfit` if something else there bears its UUID
 */
async function isPresent(
  stored: StoredFingerprint,
  archives: Archives,
  into: string,
  filesystem: Filesystem,
  { signal }: Context,
): Promise<boolean> {
  const stream = { ...stored, requires: [], storedBytes: 0 };
  const { subvolumes } = await destinationFacts(into, filesystem, [stream], signal);
  const here = bearersOf(subvolumes).get(stored.uuid) ?? [];
  if (here.length === 0) return false;
  const states = linkStates([...allRecords(archives), ...here.map(({ state }) => state)]);
  if (genuineIn(here, states.of(stored), states) !== undefined) return true;
  throw whyNotPresent(stored, here);
}

async function adopt(
  stored: StoredFingerprint,
  archives: Archives,
  filesystem: Filesystem,
  { copy, into, template, repairMetadata, dryRun }: AdoptOptions,
  context: Context,
): Promise<Comparison> {
  const base = await frozen(copy, into, stored.uuid, filesystem);
  try {
    const comparison = await compare(base, copy, stored, context);
    await assertStillFrozen(base);
    const { differences, ofAttributes } = comparison;
    const mends = repairMetadata && ofAttributes;
    if (differences > 0 && !mends) throw copyDiffers(comparison, stored, copy);
    if (dryRun) return comparison;
    const made = await relinkStream(stored, base.state, comparison, context.signal);
    const job = {
      into,
      options: { archives: [], into, only: [], template, again: true, partial: false, dryRun },
      archives: { ...archives, catalogs: [made], streams: made.streams },
      filesystem,
      receiptsTo: archives.catalogs,
    };
    const { plan } = await receiveInto(job, context);
    const [refused] = plan.refused;
    if (refused !== undefined) throw refused.failure;
    return comparison;
  } finally {
    await base.release();
  }
}
