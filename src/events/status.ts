import type { ByteString } from '../names/byte-string.ts';
import type { StreamName } from '../names/title.ts';
import type { ResultOf } from './result.ts';

/** A destination, as its newest receipt shows it, beside the archives that were given. */
export interface DestinationListed {
  readonly type: 'destination-listed';
  /** UUID of its filesystem. */
  readonly filesystem: string;
  /** Its label, and the name of its machine; null if unknown. */
  readonly label: ByteString | null;
  readonly host: ByteString | null;
  /** When the destination was looked at. */
  readonly seen: string;
  /** Subvolumes that it has received. */
  readonly subvolumes: number;
  /** The newest stream of the archives whose subvolume it has; null if it has none of them. */
  readonly newest: StreamName | null;
  /** Streams whose subvolume it neither has nor had, oldest first. */
  readonly lacks: readonly StreamName[];
  /** Bytes of these as stored. */
  readonly lacksStored: number;
  /** Streams whose subvolume it had, and removed. */
  readonly removed: readonly StreamName[];
}

export interface StatusResult extends ResultOf<'status'> {
  /** Destinations, and those that lack nothing of the archives. */
  readonly done: number;
  readonly current: number;
}
