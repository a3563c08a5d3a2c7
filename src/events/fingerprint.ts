import type { ByteString } from '../names/byte-string.ts';
import type { DifferenceKind } from '../names/difference.ts';
import type { StreamName } from '../names/title.ts';
import type { ResultOf } from './result.ts';

/** The plan of a fingerprint. */
export interface FingerprintPlanned {
  readonly type: 'fingerprint-planned';
  readonly stream: StreamName;
  /** Path of the snapshot. */
  readonly path: string;
  /** The archive as the user named it, and the directory in it. */
  readonly archive: string;
  readonly directory: string;
  /** Bytes of the blocks that contents are hashed in. */
  readonly blockSize: number;
  /** The archive has the fingerprint: its files are read, and nothing is written. */
  readonly present: boolean;
  readonly dryRun: boolean;
}

/** One path at which a copy differs from a fingerprint. */
export interface DifferenceFound {
  readonly type: 'difference';
  readonly path: ByteString;
  /** The ways in which it differs. */
  readonly kinds: readonly DifferenceKind[];
}

export interface FingerprintResult extends ResultOf<'fingerprint'> {
  /** Fingerprints that were made, and that were there already. */
  readonly done: number;
  readonly skipped: number;
  /** Entries of the snapshot, and bytes of contents that were hashed. */
  readonly entries: number;
  readonly bytes: number;
  /** Bytes stored. */
  readonly stored: number;
  readonly seconds: number;
  readonly dryRun: boolean;
}

export interface AdoptResult extends ResultOf<'adopt'> {
  /** Snapshots that were adopted, and that the destination had already. */
  readonly done: number;
  readonly skipped: number;
  /** Paths at which the copy differed, all of which `--repair-metadata` mended if it was adopted. */
  readonly differences: number;
  /** Entries of the copy, and bytes of contents that were compared. */
  readonly entries: number;
  readonly bytes: number;
  readonly seconds: number;
  readonly dryRun: boolean;
}
