import { conflicts } from '../../archive/graph/graph.ts';
import type { StoredFingerprint } from '../../archive/read/fingerprints.ts';
import { allRecords } from '../../archive/read/records.ts';
import type { StoredStream } from '../../archive/read/stored-stream.ts';
import { atLeast, parseVersion, type Version } from '../../btrfs/version.ts';
import type { Failure } from '../../failure/failure.ts';
import type { Receipt } from '../../manifest/schema.ts';
import { linkStates, type StateRecord, type States } from '../../names/state.ts';
import { type Bearers, bearersOf, type DestinationSubvolume } from './destination.ts';

/** The facts that a plan of an import is made of. */
export interface ImportFacts {
  /** The streams of all archives. */
  readonly streams: readonly StoredStream[];
  /** Why stored files of some of these streams cannot be used. */
  readonly spoiled: ReadonlyMap<StoredStream, Failure>;
  /** Directories of streams whose manifest cannot be used. */
  readonly damaged: readonly { readonly directory: string; readonly failure: Failure }[];
  /** The receipts that earlier imports left in the archives. */
  readonly receipts: readonly Receipt[];
  /** The fingerprints in the archives: a destination can adopt a copy as their snapshots. */
  readonly fingerprints: readonly StoredFingerprint[];
  /** UUID of the destination's filesystem; undefined for an empty one that does not exist yet. */
  readonly filesystem: string | undefined;
  readonly subvolumes: readonly DestinationSubvolume[];
  /** Names that are in use in the directory to import into. */
  readonly taken: readonly Uint8Array[];
  /** The states that the destination had by its receipts. */
  readonly earlier: readonly StateRecord[];
  /** Words that name the wanted streams; empty for all. */
  readonly only: readonly string[];
  /** Receive also what the destination had once and removed. */
  readonly again: boolean;
  /** Template for the names of subvolumes. */
  readonly template: string | undefined;
  /** Version of the btrfs-progs on this machine. */
  readonly btrfsProgs: Version;
}

/** Facts, with what follows from them. */
export interface ImportView {
  readonly facts: ImportFacts;
  readonly states: States;
  /** The destination's subvolumes, by the UUID that they bear. */
  readonly bearers: Bearers;
  /** Streams that bring different states under one UUID, by that UUID. */
  readonly conflicting: ReadonlyMap<string, readonly StoredStream[]>;
  /** Streams that are damaged, or too new for the btrfs-progs on this machine. */
  readonly unfit: ReadonlySet<StoredStream>;
}

export function viewOf(facts: ImportFacts): ImportView {
  const { streams, earlier, subvolumes, spoiled, btrfsProgs } = facts;
  const here = subvolumes.map(({ state }) => state);
  const states = linkStates([...allRecords(facts), ...earlier, ...here]);
  const isTooNew = (stream: StoredStream) => {
    const { major, minor, patch } = neededProgs(stream);
    return !atLeast(btrfsProgs, major, minor, patch);
  };
  return {
    facts,
    states,
    bearers: bearersOf(subvolumes),
    conflicting: conflicts(streams, states),
    unfit: new Set(streams.filter((stream) => isTooNew(stream) || spoiled.has(stream))),
  };
}

/** The btrfs-progs that a stream needs to be received. */
export function neededProgs({ manifest }: StoredStream): Version {
  const needed = parseVersion(manifest.receiver.btrfsProgs);
  if (needed === undefined) throw new RangeError('a manifest without a version of btrfs-progs');
  return needed;
}
