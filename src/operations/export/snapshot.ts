import type { GraphStream } from '../../archive/graph/graph.ts';
import type { ByteString } from '../../names/byte-string.ts';
import type { Standing } from '../../names/standing.ts';
import type { StateRecord } from '../../names/state.ts';

/** A read-only snapshot at the source. */
export interface Snapshot {
  /** A path that the user can type. */
  readonly path: string;
  readonly name: ByteString;
  /** The name, with a number or date if other snapshots have the same name. */
  readonly title: ByteString;
  /** Its own UUID. */
  readonly uuid: string;
  /** The state that a stream of it announces, as its filesystem counts it. */
  readonly state: StateRecord;
  /** The files of an `undecided` candidate must be examined before anything builds on it. */
  readonly standing: Extract<Standing, 'genuine' | 'undecided'>;
  readonly creationTransid: bigint;
  /** Equal for all snapshots that descend from one subvolume. */
  readonly family: string;
  /**
   * Extended attributes of its topmost directory that the kernel gives to each file that is made
   * there, which `btrfs receive` does with all of them: a default ACL, or a compression.
   */
  readonly inherited?: readonly string[];
  /** The mount point above the path. `btrfs send` takes a parent only from below the same one. */
  readonly mountPoint: string;
}

/** A snapshot that is known by records. */
export type Kin = Pick<Snapshot, 'title' | 'state' | 'family'>;

export interface ExportFacts {
  /** The snapshots to export. */
  readonly asked: readonly Snapshot[];
  readonly parent: 'auto' | 'best' | 'none' | Snapshot;
  readonly cloneSources: readonly Snapshot[];
  /** Snapshots that can be reached, and whose UUID a stream in an archive or a receipt names. */
  readonly candidates: readonly Snapshot[];
  readonly archives: readonly ArchiveFacts[];
  /** The destination that was asked for. It needs no stream of what it has. */
  readonly destination: DestinationStates | null;
  /** The same, with those that cannot be reached. */
  readonly here: readonly Kin[];
  /** Streams in the archives, of families that are known at the source. */
  readonly kin: readonly Kin[];
  /** Refuse a full stream if an archive holds streams of the same family. */
  readonly requireIncremental: boolean;
  /** Streams that an interrupted run began on media that are full, with the parent of each. */
  readonly begun?: readonly BegunRecord[];
  /** Bytes of stream from each parent that was measured, by {@link sizeKey}. */
  readonly sizes?: ReadonlyMap<string, number>;
}

/** The identity and parent of a stream that was begun. */
export interface BegunRecord {
  readonly state: StateRecord;
  readonly parent: StateRecord | null;
}

/** An archive to export to. */
export interface ArchiveFacts {
  readonly streams: readonly GraphStream[];
  /** The states of fingerprints: a destination has them, or adopts a copy as them. */
  readonly bases: readonly StateRecord[];
  /** The destinations that the archive is carried to: the asked one, or each with a receipt in it. */
  readonly destinations: readonly DestinationStates[];
}

/** A destination as its newest receipt shows it. */
export interface DestinationStates {
  readonly has: readonly StateRecord[];
  /** States that it had once, and removed. It does not receive them again. */
  readonly had: readonly StateRecord[];
}

/** Removes repetitions, and sorts snapshots by the time at which btrfs made them. */
export function inOrderOfCreation(snapshots: readonly Snapshot[]): Snapshot[] {
  const unique = [...new Map(snapshots.map((s) => [s.uuid, s])).values()];
  return unique.toSorted((a, b) => Number(a.creationTransid - b.creationTransid));
}
