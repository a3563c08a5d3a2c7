import type { GraphStream } from '../../archive/graph/graph.ts';
import type { ByteString } from '../../names/byte-string.ts';
import type { Standing } from '../../names/standing.ts';
import type { StateRecord } from '../../names/state.ts';

/** A read-only snapshot at the source. */
export interface Snapshot {
  /** As the user may type it. */
  readonly path: string;
  readonly name: ByteString;
  /** The name with what tells it from others. */
  readonly title: ByteString;
  /** Its own UUID. */
  readonly uuid: string;
  /** What a stream of it announces, as its filesystem counts. */
  readonly state: StateRecord;
  /** A candidate's files may still have to be looked at, before anything is built on it. */
  readonly standing: Extract<Standing, 'genuine' | 'undecided'>;
  readonly creationTransid: bigint;
  /** Equal for all snapshots that descend from one subvolume. */
  readonly family: string;
  /** The mount point that the path leads through: `btrfs send` takes a parent below the same. */
  readonly mountPoint: string;
}

/** A snapshot that is only told of. */
export type Kin = Pick<Snapshot, 'title' | 'state' | 'family'>;

export interface ExportFacts {
  /** The snapshots to export. */
  readonly asked: readonly Snapshot[];
  readonly parent: 'auto' | 'best' | 'none' | Snapshot;
  readonly cloneSources: readonly Snapshot[];
  /** Snapshots that can be reached and whose UUID a stream in an archive, or a receipt, has. */
  readonly candidates: readonly Snapshot[];
  readonly archives: readonly ArchiveFacts[];
  /** All of those, whether they can be reached or not. */
  readonly here: readonly Kin[];
  /** What the archives hold of families that are known at the source. */
  readonly kin: readonly Kin[];
  /** A full stream is refused where an archive holds ones of the same family. */
  readonly requireIncremental: boolean;
  /** Bytes of stream from each parent that was weighed, by {@link sizeKey}. */
  readonly sizes?: ReadonlyMap<string, number>;
}

/** An archive that is exported to. */
export interface ArchiveFacts {
  readonly streams: readonly GraphStream[];
  /** What each destination that left a receipt has. */
  readonly receipts: readonly (readonly StateRecord[])[];
}

/** The snapshots without repetition, in the order in which btrfs made them. */
export function inOrderOfCreation(snapshots: readonly Snapshot[]): Snapshot[] {
  const unique = [...new Map(snapshots.map((s) => [s.uuid, s])).values()];
  return unique.toSorted((a, b) => Number(a.creationTransid - b.creationTransid));
}
