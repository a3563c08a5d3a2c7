import type { Failure } from '../failure/failure.ts';
import type { ByteString } from '../names/byte-string.ts';
import type { NamedIdentity } from '../names/identity.ts';
import type { StreamName } from '../names/title.ts';
import type { ResultOf } from './result.ts';

/** One stream of an archive. Those of one archive come between their `archive-listed` events. */
export interface StreamListed {
  readonly type: 'stream-listed';
  readonly stream: StreamName;
  readonly archive: string;
  readonly directory: string;
  /** Host name of the producer, and the path that the snapshot had there; null where unknown. */
  readonly host: ByteString | null;
  readonly path: ByteString | null;
  readonly kind: 'full' | 'incremental';
  readonly ctransid: string;
  readonly parent: NamedIdentity | null;
  readonly cloneSources: readonly NamedIdentity[];
  /** Requirements that no stream of the archives given, and no receipt, provides. */
  readonly missing: readonly NamedIdentity[];
  /** The archives hold its UUID in another state as well, and nothing tells which is meant. */
  readonly conflicting: boolean;
  /** Every chain below reaches a full stream: it can be received where nothing is. */
  readonly restorable: boolean;
  readonly length: number;
  readonly stored: number;
  readonly createdAt: string;
  readonly snapshotCreatedAt: string | null;
}

/** Comes after the streams of the archive. */
export interface ArchiveListed {
  readonly type: 'archive-listed';
  readonly archive: string;
  /** Null where the header is lost. */
  readonly id: string | null;
  readonly label: string | null;
  readonly streams: number;
  readonly stored: number;
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
