import type { Failure } from '../failure/failure.ts';
import type { StreamName } from '../names/title.ts';
import type { ResultOf } from './result.ts';

/** The plan of an export. */
export interface ExportPlanned {
  readonly type: 'export-planned';
  readonly archives: readonly string[];
  readonly dryRun: boolean;
  /** In the order of sending. */
  readonly steps: readonly {
    readonly snapshot: StreamName;
    readonly path: string;
    readonly parent: StreamName | null;
    readonly cloneSources: readonly StreamName[];
    /** Why it has this parent, or none. */
    readonly reason: string;
    /** The archives that lack it. */
    readonly archives: readonly string[];
  }[];
  /** Snapshots that every archive has already. */
  readonly skipped: readonly StreamName[];
  /** Other snapshots that the destination of `--for` has. */
  readonly received: readonly StreamName[];
  /** Those that it had, and removed. */
  readonly removed: readonly StreamName[];
}

/** One of several archives cannot be written any more. The others go on. */
export interface ArchiveFailed {
  readonly type: 'archive-failed';
  readonly archive: string;
  readonly failure: Failure;
}

export interface ExportResult extends ResultOf<'export'> {
  /** Snapshots that were exported, and those that every archive had already. */
  readonly done: number;
  readonly skipped: number;
  /** Archives that failed while others went on; absent if none did. */
  readonly refused?: number;
  /** Bytes of stream, and bytes stored. */
  readonly bytes: number;
  readonly stored: number;
  readonly seconds: number;
  readonly dryRun: boolean;
}
