import type { Failure } from '../failure/failure.ts';
import type { ByteString } from '../names/byte-string.ts';
import type { StreamName } from '../names/title.ts';

/** The plan of an import that receives what is left of damaged streams. */
export interface SalvagePlanned {
  readonly type: 'salvage-planned';
  /** Null if no directory was named. */
  readonly into: string | null;
  readonly dryRun: boolean;
  /** Damaged full streams. */
  readonly steps: readonly {
    readonly stream: StreamName;
    /** Name that the writable subvolume gets. */
    readonly as: ByteString;
    /** The first damage that was found. */
    readonly failure: Failure;
  }[];
  /** Full streams of which nothing is lost. */
  readonly intact: readonly StreamName[];
  readonly refused: readonly (StreamName & { readonly failure: Failure })[];
}

/** The part of a damaged stream that was received, and the part that was not. */
export interface StreamSalvaged {
  readonly type: 'stream-salvaged';
  readonly stream: StreamName;
  readonly dryRun: boolean;
  /** Names of the writable subvolume, and of the report beside it. */
  readonly as: ByteString;
  readonly report: ByteString;
  /** Files, directories and others of which nothing can be lost, but for further names of them. */
  readonly whole: number;
  /** Entries of which something is or may be lost. */
  readonly damaged: number;
  /** Entries whose own name is lost. */
  readonly unnamed: number;
  /** The most entries that can be missing without a trace. */
  readonly missing: number;
  /** Ranges of the stream whose commands are lost; `to` is exclusive. */
  readonly losses: readonly { readonly from: number; readonly to: number }[];
  /** The first damaged entries. The report has all. */
  readonly files: readonly {
    readonly path: ByteString;
    readonly kind: 'file' | 'directory' | 'symlink' | 'other';
    /** Ranges of contents; null for the length if it reaches to the end of the file. */
    readonly lost: readonly { readonly offset: number; readonly length: number | null }[];
  }[];
}
