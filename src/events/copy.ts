import type { Failure } from '../failure/failure.ts';
import type { StreamName } from '../names/title.ts';
import type { ResultOf } from './result.ts';

/** The plan of a copy. */
export interface CopyPlanned {
  readonly type: 'copy-planned';
  /** The target as the user named it. */
  readonly to: string;
  readonly dryRun: boolean;
  /** In the order of copying, each after the streams that it builds on. */
  readonly steps: readonly {
    readonly stream: StreamName;
    /** The archives that have it. */
    readonly archives: readonly string[];
    /** Bytes as stored. */
    readonly stored: number;
    /** The target has the stream: its files are read, and replaced if they are damaged. */
    readonly present: boolean;
  }[];
  readonly refused: readonly (StreamName & { readonly failure: Failure })[];
}

export interface CopyResult extends ResultOf<'copy'> {
  /** Streams that were copied, that the target has intact, and that were refused. */
  readonly done: number;
  readonly skipped: number;
  readonly refused: number;
  /** Stored bytes of the copied streams. */
  readonly stored: number;
  readonly seconds: number;
  readonly dryRun: boolean;
}
