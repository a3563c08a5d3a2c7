import { type Requirement, statesOf } from '../../archive/graph/graph.ts';
import { receiptRecords } from '../../archive/read/receipts.ts';
import type { StoredStream } from '../../archive/read/stored-stream.ts';
import type { Failure } from '../../failure/failure.ts';
import { type DestinationSubvolume, unusable } from './destination.ts';
import {
  conflictFailure,
  elsewhereFailure,
  missingFailure,
  notAdoptedFailure,
  presentButUnusable,
  tooOldFailure,
  unusableFailure,
} from './refusal.ts';
import { type ImportView, neededProgs } from './view.ts';

/** Finds the reason that helps most, of all for which a stream is refused. */

/** The reason why a stream that is damaged or too new is not received. */
export function whyUnfit(stream: StoredStream, { facts }: ImportView): Failure {
  const { spoiled, btrfsProgs } = facts;
  const needed = neededProgs(stream).text;
  return spoiled.get(stream) ?? tooOldFailure(stream, needed, btrfsProgs.text);
}

/** The reason why a subvolume that bears the UUID of a stream does not count as received. */
export function whyNotPresent(
  stream: Pick<StoredStream, 'called' | 'uuid' | 'ctransid'>,
  bearers: readonly DestinationSubvolume[],
): Failure {
  const subvolume = (bearers.find((each) => each.taken) ?? bearers[0]) as DestinationSubvolume;
  const { standing } = subvolume;
  return presentButUnusable(stream, subvolume, standing === 'genuine' ? 'other' : standing);
}

/**
 * The reason why requirements of a stream are not met.
 *
 * @param missing those that neither the destination nor a stream that can be received provides
 */
export function whyMissing(
  stream: StoredStream,
  missing: readonly Requirement[],
  view: ImportView,
): Failure {
  return (
    whyUnusable(stream, missing, view) ??
    whyProviderUnfit(missing, view) ??
    whyOtherState(stream, missing, view) ??
    whyNotAdopted(stream, missing, view) ??
    whyElsewhere(stream, missing, view) ??
    missingFailure(stream, missing)
  );
}

/** The destination has a requirement, but `btrfs receive` must not or cannot use it. */
function whyUnusable(
  stream: StoredStream,
  missing: readonly Requirement[],
  view: ImportView,
): Failure | undefined {
  for (const requirement of missing) {
    const taken = takenFor(requirement, view);
    const reason = taken === undefined ? null : unusable(taken);
    if (taken !== undefined && reason !== null) {
      return unusableFailure(stream, requirement, reason, taken);
    }
  }
  return undefined;
}

/** A stream that would provide a requirement is damaged or too new. */
function whyProviderUnfit(missing: readonly Requirement[], view: ImportView): Failure | undefined {
  const { unfit, states } = view;
  const provider = [...unfit].find((stream) =>
    missing.some((requirement) => states.of(requirement) === states.of(stream)),
  );
  return provider && whyUnfit(provider, view);
}

/** The destination or the archives have the UUID of a requirement in another state. */
function whyOtherState(
  stream: StoredStream,
  missing: readonly Requirement[],
  view: ImportView,
): Failure | undefined {
  for (const requirement of missing) {
    const taken = takenFor(requirement, view);
    if (taken !== undefined) return missingFailure(stream, missing, { requirement, taken });
    const others = view.conflicting.get(requirement.uuid);
    const [other] = others ?? [];
    if (others !== undefined && other !== undefined) return conflictFailure(other, others);
  }
  return undefined;
}

/** An archive has the fingerprint of a requirement: a copy of it may be here. */
function whyNotAdopted(
  stream: StoredStream,
  missing: readonly Requirement[],
  { facts, states }: ImportView,
): Failure | undefined {
  for (const requirement of missing) {
    const state = states.of(requirement);
    const fingerprint = facts.fingerprints.find((each) => states.of(each) === state);
    if (fingerprint !== undefined) return notAdoptedFailure(stream, requirement, fingerprint);
  }
  return undefined;
}

/** The newest receipt that vouches for a requirement is of another filesystem. */
function whyElsewhere(
  stream: StoredStream,
  missing: readonly Requirement[],
  { facts, states }: ImportView,
): Failure | undefined {
  const { filesystem: here, receipts } = facts;
  if (here === undefined) return undefined;
  const newestFirst = receipts.toSorted((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
  for (const receipt of newestFirst) {
    const vouched = statesOf(receiptRecords([receipt]), states);
    const requirement = missing.find((each) => vouched.has(states.of(each)));
    const { filesystem } = receipt;
    if (requirement !== undefined && filesystem !== here) {
      return elsewhereFailure(stream, { requirement, filesystem, here });
    }
  }
  return undefined;
}

function takenFor({ uuid }: Requirement, { bearers }: ImportView) {
  return bearers.get(uuid)?.find((each) => each.taken);
}
