import type { Failure } from '../failure/failure.ts';
import type { ByteString } from '../names/byte-string.ts';
import type { NamedIdentity } from '../names/identity.ts';
import type { StreamName } from '../names/title.ts';
import type { ResultOf } from './result.ts';

/** The plan of an import. */
export interface ImportPlanned {
  readonly type: 'import-planned';
  /** Null if the plan is for an empty filesystem. */
  readonly into: string | null;
  readonly dryRun: boolean;
  /** In the order of receiving. */
  readonly steps: readonly {
    readonly stream: StreamName;
    /** Name that the subvolume gets. */
    readonly as: ByteString;
    /** Null for a full stream. */
    readonly parent: NamedIdentity | null;
    /** Bytes of stream. */
    readonly length: number;
    /** Bytes as stored. */
    readonly stored: number;
  }[];
  /** The streams that each word of `--only` means. */
  readonly only: readonly { readonly word: string; readonly streams: readonly StreamName[] }[];
  /** Streams whose subvolume the destination has already. */
  readonly present: readonly StreamName[];
  /** Streams left out because the destination had their subvolume once, and removed it. */
  readonly removed: readonly StreamName[];
  readonly refused: readonly (StreamName & { readonly failure: Failure })[];
}

export interface ImportResult extends ResultOf<'import'> {
  /** Streams that were received, that the destination had already, and that were refused. */
  readonly done: number;
  readonly skipped: number;
  readonly refused: number;
  /** Streams left out because the destination had them once, and removed them. */
  readonly removed: number;
  /** Streams that could be received, but are not without `--partial`, since others were refused. */
  readonly withheld: number;
  /** Damaged streams of which was received what is left; only with `--salvage`. */
  readonly salvaged?: number;
  /** Bytes of stream, and bytes stored. */
  readonly bytes: number;
  readonly stored: number;
  readonly seconds: number;
  readonly dryRun: boolean;
}
