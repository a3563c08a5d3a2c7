import {
  type GraphStream,
  groupBy,
  linkedStates,
  receivable,
  statesOf,
} from '../../archive/graph/graph.ts';
import type { States } from '../../names/state.ts';
import type { ExportFacts, Snapshot } from './snapshot.ts';

/** The states of snapshots that the target archives have. */
export interface ArchiveStanding {
  readonly states: States;
  /** One archive has the snapshot, in its present state. */
  readonly holds: (index: number, snapshot: Snapshot) => boolean;
  /**
   * One archive alone can restore the snapshot, on an empty filesystem or on a copy that it has a
   * fingerprint of.
   */
  readonly restorableIn: (index: number, snapshot: Snapshot) => boolean;
  /** Each of these archives can, by default each of all archives. */
  readonly restorable: (snapshot: Snapshot, archives?: readonly number[]) => boolean;
  /**
   * Each of these archives can restore the snapshot, or every receipt in it names the snapshot. A
   * stream that builds on it can be received wherever the archive was carried.
   */
  readonly vouched: (snapshot: Snapshot, archives?: readonly number[]) => boolean;
  /** An archive has the UUID of the snapshot in another state, as far as records show. */
  readonly drifted: (snapshot: Snapshot) => boolean;
  /** Its own filesystem counted the other state that an archive has of it. */
  readonly countedByItsFilesystem: (snapshot: Snapshot) => boolean;
}

export function archiveStanding(facts: ExportFacts): ArchiveStanding {
  const { archives, asked, candidates, cloneSources, parent } = facts;
  const named = typeof parent === 'string' ? [] : [parent];
  const streams = archives.flatMap((archive) => archive.streams);
  const states = linkedStates(streams, [
    ...archives.flatMap(({ receipts, bases }) => [...receipts.flat(), ...bases]),
    ...[...asked, ...candidates, ...cloneSources, ...named].map(({ state }) => state),
  ]);
  const inArchive = archives.map((archive) => ({
    byUuid: groupBy<GraphStream>(archive.streams, ({ uuid }) => uuid),
    held: statesOf(archive.streams, states),
    restorable: statesOf(
      [...archive.bases, ...receivable(archive.streams, archive.bases, states)],
      states,
    ),
    received: archive.receipts.map((receipt) => statesOf(receipt, states)),
  }));
  const stateOf = ({ state }: Snapshot) => states.of(state);
  const every = [...archives.keys()];
  const restorableIn = (index: number, snapshot: Snapshot) =>
    inArchive[index]?.restorable.has(stateOf(snapshot)) ?? false;
  const vouchedIn = (index: number, snapshot: Snapshot) => {
    const received = inArchive[index]?.received ?? [];
    return received.length > 0 && received.every((receipt) => receipt.has(stateOf(snapshot)));
  };
  const holds = (index: number, snapshot: Snapshot) =>
    inArchive[index]?.held.has(stateOf(snapshot)) ?? false;
  const others = (snapshot: Snapshot) =>
    inArchive.flatMap(({ byUuid }, index) =>
      holds(index, snapshot) ? [] : (byUuid.get(snapshot.state.uuid) ?? []),
    );
  return {
    states,
    holds,
    restorableIn,
    restorable: (snapshot, among = every) => among.every((index) => restorableIn(index, snapshot)),
    vouched: (snapshot, among = every) =>
      among.every((index) => restorableIn(index, snapshot) || vouchedIn(index, snapshot)),
    drifted: (snapshot) => others(snapshot).length > 0,
    countedByItsFilesystem: (snapshot) =>
      snapshot.state.sendTransid === null &&
      others(snapshot).some(({ filesystem }) => filesystem === snapshot.state.filesystem),
  };
}
