import { conflicts, groupBy, linkedStates, receivable } from '../../archive/graph/graph.ts';
import { receiptRecords } from '../../archive/read/receipts.ts';
import type { StoredStream } from '../../archive/read/stored-stream.ts';
import type { Receipt } from '../../manifest/schema.ts';
import type { StateRecord, States } from '../../names/state.ts';
import { type Needs, needsOf } from './needs.ts';

/** The prospects of restoring streams, from their manifests and from receipts. */
export interface Outlook {
  /** The requirements of a stream that no stream of the archives meets. */
  needs(stream: StoredStream): Needs;
  /** Whether the archives hold the UUID of a stream in another state as well. */
  isConflicting(stream: StoredStream): boolean;
  /**
   * Streams that no destination can receive, not even one that left a receipt, or has a copy that
   * equals a fingerprint.
   */
  readonly unrestorable: readonly StoredStream[];
  /** Those of some streams that they alone can restore on an empty filesystem. */
  restorableFrom(streams: readonly StoredStream[]): StoredStream[];
  /**
   * The streams that build on a damaged one, directly or not, and that can be restored no longer.
   *
   * @param damaged all streams that are known to be damaged
   */
  lostWith(stream: StoredStream, damaged: ReadonlySet<StoredStream>): StoredStream[];
}

export function outlookFor(
  streams: readonly StoredStream[],
  receipts: readonly Receipt[],
  fingerprints: readonly StateRecord[],
): Outlook {
  const vouched = [...receiptRecords(receipts), ...fingerprints];
  const states = linkedStates(streams, vouched);
  const conflicting = conflicts(streams, states);
  const isConflicting = ({ uuid }: StoredStream) => conflicting.has(uuid);
  // Nothing decides which of two conflicting streams a later one builds on.
  const certain = (some: readonly StoredStream[]) => some.filter((one) => !isConflicting(one));
  const reachable = new Set(receivable(certain(streams), vouched, states));
  // A receipt helps the one destination that wrote it, so it does not count here.
  const restorableFrom = (some: readonly StoredStream[]) => receivable(certain(some), [], states);
  const undamaged = restorableFrom(streams);
  return {
    needs: needsOf(streams, receipts, fingerprints, states),
    isConflicting,
    unrestorable: streams.filter((stream) => !reachable.has(stream)),
    restorableFrom,
    lostWith(stream, damaged) {
      const still = new Set(restorableFrom(streams.filter((one) => !damaged.has(one))));
      const lost = undamaged.filter((one) => !still.has(one));
      return dependentsOf(stream, lost, states);
    },
  };
}

/** Those of `lost` that build on a stream, directly or not, in the order of `lost`. */
function dependentsOf(
  stream: StoredStream,
  lost: readonly StoredStream[],
  states: States,
): StoredStream[] {
  const requiring = groupBy(
    lost.flatMap((dependent) =>
      dependent.requires.map((requirement) => ({ dependent, state: states.of(requirement) })),
    ),
    ({ state }) => state,
  );
  const found = new Set([stream]);
  // A set visits the members that are added while it is iterated.
  for (const provider of found) {
    for (const { dependent } of requiring.get(states.of(provider)) ?? []) found.add(dependent);
  }
  found.delete(stream);
  return lost.filter((one) => found.has(one));
}
