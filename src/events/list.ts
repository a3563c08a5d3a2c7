import type { Failure } from '../failure/failure.ts';
import type { ByteString } from '../names/byte-string.ts';
import type { NamedIdentity } from '../names/identity.ts';
import type { StreamName } from '../names/title.ts';
import type { ResultOf } from './result.ts';

/** One stream of an archive. The streams of an archive come before its `archive-listed` event. */
export interface StreamListed {
  readonly type: 'stream-listed';
  readonly stream: StreamName;
  readonly archive: string;
  readonly directory: string;
  /** Host of the source, and the path of the snapshot there; null if unknown. */
  readonly host: ByteString | null;
  readonly path: ByteString | null;
  readonly kind: 'full' | 'incremental';
  readonly ctransid: string;
  readonly parent: NamedIdentity | null;
  readonly cloneSources: readonly NamedIdentity[];
  /**
   * Requirements that neither a stream of the archives, a receipt nor a fingerprint provides. A
   * destination adopts a copy as the snapshot of a fingerprint.
   */
  readonly missing: readonly NamedIdentity[];
  /** The archives hold its UUID in another state too, and nothing shows which one is meant. */
  readonly conflicting: boolean;
  /** The archives alone can restore it on an empty filesystem. */
  readonly restorable: boolean;
  readonly length: number;
  readonly stored: number;
  /** Bytes of its files of parity; 0 if it has none. They count in no other number. */
  readonly parity: number;
  readonly createdAt: string;
  readonly snapshotCreatedAt: string | null;
}

/** One fingerprint of an archive. They come after its streams. */
export interface FingerprintListed {
  readonly type: 'fingerprint-listed';
  readonly archive: string;
  readonly directory: string;
  /** The snapshot that it is of. */
  readonly stream: StreamName;
  readonly ctransid: string;
  /** Host of the snapshot, and its path there; null if unknown. */
  readonly host: ByteString | null;
  readonly path: ByteString | null;
  /** Bytes of the blocks that contents are hashed in. */
  readonly blockSize: number;
  /** Entries, and bytes of contents, of the snapshot. */
  readonly entries: number;
  readonly bytes: number;
  readonly stored: number;
  readonly createdAt: string;
}

/** Comes after the streams and fingerprints of the archive. */
export interface ArchiveListed {
  readonly type: 'archive-listed';
  readonly archive: string;
  /** Null if the header is lost. */
  readonly id: string | null;
  readonly label: string | null;
  readonly streams: number;
  readonly stored: number;
  /** Streams that cannot be used as they are here, and why. */
  readonly damaged: readonly { readonly directory: string; readonly failure: Failure }[];
  readonly unfinished: readonly string[];
}

export interface ListResult extends ResultOf<'list'> {
  /** Number of streams, and of those that the archives alone can restore. */
  readonly done: number;
  readonly restorable: number;
  /** Manifests that cannot be used. */
  readonly refused: number;
  /** Bytes of stream, and bytes stored. */
  readonly bytes: number;
  readonly stored: number;
  readonly seconds: number;
}
