import type { StreamName } from '../names/title.ts';

/** The space that an export needs, and the space that there is. */
export interface SpaceMeasured {
  readonly type: 'space-measured';
  /** One archive, or all that are filled in turn. */
  readonly archives: readonly string[];
  readonly dryRun: boolean;
  /** Bytes that are free, with what interrupted runs wrote of these streams; null if unknown. */
  readonly free: number | null;
  readonly streams: readonly {
    readonly stream: StreamName;
    /** Bytes of stream. */
    readonly bytes: number;
    /** Bytes that it may take as stored, by what the archives hold. */
    readonly least: number;
    readonly most: number;
    readonly fits: 'yes' | 'maybe' | 'no' | 'unknown';
  }[];
  /** Unfinished streams of other snapshots, which take space. */
  readonly drafts: readonly {
    readonly archive: string;
    readonly directory: string;
    readonly stored: number;
  }[];
}

/** An unfinished stream was removed, or would be. */
export interface DraftDiscarded {
  readonly type: 'draft-discarded';
  readonly archive: string;
  readonly directory: string;
  readonly stored: number;
  readonly dryRun: boolean;
}
