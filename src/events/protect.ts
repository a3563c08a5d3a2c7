import type { StreamName } from '../names/title.ts';
import type { ResultOf } from './result.ts';

/** A stream whose damaged files were repaired by its parity, and proved. */
export interface StreamRepaired {
  readonly type: 'stream-repaired';
  /** Undefined if its manifest was damaged: then a later event names the stream. */
  readonly stream?: StreamName;
  readonly archive: string;
  readonly directory: string;
  /** Names of the files in the directory that were replaced. */
  readonly files: readonly string[];
  /** Slices that were computed. */
  readonly blocks: number;
}

export interface ProtectResult extends ResultOf<'protect'> {
  /** Streams that got parity, that have it already, and that were refused. */
  readonly done: number;
  readonly skipped: number;
  readonly refused: number;
  /** Bytes of parity that were written. */
  readonly stored: number;
  readonly seconds: number;
}
