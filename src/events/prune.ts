import type { KeepReason } from '../names/retention.ts';
import type { StreamName } from '../names/title.ts';
import type { ResultOf } from './result.ts';

/** The plan of a prune. */
export interface PrunePlanned {
  readonly type: 'prune-planned';
  readonly archive: string;
  readonly dryRun: boolean;
  /** The receipts of the destinations that need not be brought to what they have. */
  readonly receivedBy: readonly {
    /** UUID. */
    readonly filesystem: string;
    readonly createdAt: string;
  }[];
  /** All streams whose manifests can be used, oldest first. */
  readonly streams: readonly {
    readonly stream: StreamName;
    /** Directory in the archive. */
    readonly directory: string;
    /** When the snapshot was made; null if that is not known. */
    readonly snapshotCreatedAt: string | null;
    readonly kind: 'full' | 'incremental';
    /** Bytes as stored. */
    readonly stored: number;
    readonly removed: boolean;
    /** Why it stays; empty if it is removed. */
    readonly reasons: readonly KeepReason[];
    /** Streams that stay and require it. */
    readonly neededBy: readonly StreamName[];
  }[];
  /** Directories that an interrupted prune left, which are removed too. */
  readonly leftovers: readonly string[];
}

/** A stream that is no longer in the archive. */
export interface StreamRemoved {
  readonly type: 'stream-removed';
  readonly stream: StreamName;
  readonly directory: string;
  readonly stored: number;
}

export interface PruneResult extends ResultOf<'prune'> {
  /** Streams that were removed, and that stay. */
  readonly done: number;
  readonly kept: number;
  /** Stored bytes of the streams that were removed; of a dry run, of those that would be. */
  readonly stored: number;
  readonly seconds: number;
  readonly dryRun: boolean;
}
