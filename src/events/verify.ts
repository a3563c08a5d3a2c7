import type { Failure } from '../failure/failure.ts';
import type { ByteString } from '../names/byte-string.ts';
import type { NamedIdentity } from '../names/identity.ts';
import type { StreamName } from '../names/title.ts';
import type { ResultOf } from './result.ts';

/** The archives that a verification is about to read. */
export interface VerifyPlanned {
  readonly type: 'verify-planned';
  readonly archives: readonly string[];
  /** Number of streams, and of stored bytes. */
  readonly streams: number;
  readonly stored: number;
}

/** One stream that was read, reported before the next one is. */
export interface StreamVerified {
  readonly type: 'stream-verified';
  readonly stream: StreamName;
  readonly archive: string;
  readonly directory: string;
  /** Empty if nothing is wrong. */
  readonly failures: readonly Failure[];
  readonly losses: readonly {
    /** A range of bytes of the stream; `to` is exclusive. */
    readonly from: number;
    readonly to: number;
    /** Files at or near the lost commands. */
    readonly files: readonly ByteString[];
    /** No other file can be affected. False if commands may lie wholly within the lost bytes. */
    readonly complete: boolean;
  }[];
  /**
   * All of the stream can be read, whatever is wrong with its files. Quick verification does not
   * find that out.
   */
  readonly intact: boolean;
  /** Its parity: the number of intact recovery blocks; null if it is not protected. */
  readonly parity: { readonly blocks: number } | null;
  /** Requirements that no stream of the archives, no receipt and no fingerprint provides. */
  readonly missing: readonly NamedIdentity[];
  /** The archives hold its UUID in another state too, and nothing shows which one is meant. */
  readonly conflicting: boolean;
  /** Requirements that no stream of the archives provides, but a receipt names. */
  readonly elsewhere: readonly (NamedIdentity & {
    /** UUID of the filesystem that has it. */
    readonly filesystem: string;
  })[];
  /** Requirements that only a fingerprint provides: a destination adopts a copy first. */
  readonly adoptable: readonly NamedIdentity[];
  /** Streams that can be restored no longer, now that this one is known to be damaged. */
  readonly dependents: readonly StreamName[];
}

export interface VerifyResult extends ResultOf<'verify'> {
  /** Streams without damage. */
  readonly done: number;
  /** Streams, and documents of archives, that are damaged or too new. */
  readonly refused: number;
  /** Different streams, and those of them that the archives alone can restore. */
  readonly streams: number;
  readonly restorable: number;
  /** Bytes of stream, and bytes stored. */
  readonly bytes: number;
  readonly stored: number;
  readonly seconds: number;
}
