import {
  type GraphStream,
  groupBy,
  linkedStates,
  receivable,
  statesOf,
} from '../../archive/graph/graph.ts';
import type { StateRecord, States } from '../../names/state.ts';
import type { DestinationStates, ExportFacts, Snapshot } from './snapshot.ts';

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
   * Each destination of one archive has the snapshot, or can receive it from there without what it
   * removed.
   */
  readonly reachesIn: (index: number, snapshot: Snapshot) => boolean;
  /** So it is with each of these archives. */
  readonly reaches: (snapshot: Snapshot, archives: readonly number[]) => boolean;
  /** The destination that was asked for has the snapshot. */
  readonly received: (snapshot: Snapshot) => boolean;
  /** It had the snapshot, and removed it. */
  readonly removed: (snapshot: Snapshot) => boolean;
  /**
   * Each of these archives can restore the snapshot, or each of its destinations can have it. A
   * stream that builds on it can be received wherever the archive was carried.
   */
  readonly vouched: (snapshot: Snapshot, archives?: readonly number[]) => boolean;
  /** An archive has the UUID of the snapshot in another state, as far as records show. */
  readonly drifted: (snapshot: Snapshot) => boolean;
  /** Its own filesystem counted the other state that an archive has of it. */
  readonly countedByItsFilesystem: (snapshot: Snapshot) => boolean;
}

export function archiveStanding(facts: ExportFacts): ArchiveStanding {
  const { archives, asked, candidates, cloneSources, destination, parent } = facts;
  const named = typeof parent === 'string' ? [] : [parent];
  const streams = archives.flatMap((archive) => archive.streams);
  const states = linkedStates(streams, [
    ...recordsOf(archives),
    ...[...asked, ...candidates, ...cloneSources, ...named].map(({ state }) => state),
  ]);
  const inArchive = archives.map((archive) => ({
    byUuid: groupBy<GraphStream>(archive.streams, ({ uuid }) => uuid),
    held: statesOf(archive.streams, states),
    restorable: statesOf(
      [...archive.bases, ...receivable(archive.streams, archive.bases, states)],
      states,
    ),
    reached: archive.destinations.map((each) => reachedBy(archive.streams, each, states)),
  }));
  const stateOf = ({ state }: Snapshot) => states.of(state);
  const every = [...archives.keys()];
  const restorableIn = (index: number, snapshot: Snapshot) =>
    inArchive[index]?.restorable.has(stateOf(snapshot)) ?? false;
  const reachesIn = (index: number, snapshot: Snapshot) => {
    const reached = inArchive[index]?.reached ?? [];
    return reached.length > 0 && reached.every((each) => each.has(stateOf(snapshot)));
  };
  const received = statesOf(destination?.has ?? [], states);
  const removed = statesOf(destination?.had ?? [], states);
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
    reachesIn,
    reaches: (snapshot, among) => among.every((index) => reachesIn(index, snapshot)),
    received: (snapshot) => received.has(stateOf(snapshot)),
    removed: (snapshot) => removed.has(stateOf(snapshot)),
    restorable: (snapshot, among = every) => among.every((index) => restorableIn(index, snapshot)),
    vouched: (snapshot, among = every) =>
      among.every((index) => restorableIn(index, snapshot) || reachesIn(index, snapshot)),
    drifted: (snapshot) => others(snapshot).length > 0,
    countedByItsFilesystem: (snapshot) =>
      snapshot.state.sendTransid === null &&
      others(snapshot).some(({ filesystem }) => filesystem === snapshot.state.filesystem),
  };
}

/** The records of archives that no stream has: of their destinations and of fingerprints. */
export function recordsOf(archives: ExportFacts['archives']): StateRecord[] {
  return archives.flatMap(({ destinations, bases }) => [
    ...destinations.flatMap(({ has, had }) => [...has, ...had]),
    ...bases,
  ]);
}

/** The states that a destination has, or can receive without what it removed. */
function reachedBy(
  streams: readonly GraphStream[],
  { has, had }: DestinationStates,
  states: States,
): Set<string> {
  const removed = statesOf(had, states);
  const wanted = streams.filter((stream) => !removed.has(states.of(stream)));
  return statesOf([...has, ...receivable(wanted, has, states)], states);
}
