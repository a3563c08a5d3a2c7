/** The records of btrfs about a subvolume. Transids and times are those of its own filesystem. */
export interface SubvolumeRecord {
  readonly readOnly: boolean;
  readonly receivedUuid: string | null;
  /** The transaction that created it. */
  readonly creationTransid: bigint;
  /** The transaction of its last change. */
  readonly ctransid: bigint;
  /** The transaction that made it a received subvolume. */
  readonly receiveTransid: bigint;
}

/**
 * Whether a subvolume is what its UUID says:
 * - `genuine`: it is read-only, and either was never received or was not changed since.
 * - `writable`: it can change at any moment.
 * - `copied`: it is a snapshot of a received subvolume and inherited the received UUID. That proves
 *   nothing, because the received subvolume may have been changed before.
 * - `changed`: it was changed after it was received.
 * - `undecided`: its tree was written after it was received. The kernel writes received file data
 *   later, so this alone does not prove a change. The times of its files do.
 */
export type Standing = 'genuine' | 'writable' | 'copied' | 'changed' | 'undecided';

/**
 * Decides the standing of a subvolume from the records of btrfs alone. For `undecided`, the caller
 * must examine the files.
 *
 * Source: set_received_subvol, create_pending_snapshot and btrfs_update_root_times of the kernel.
 */
export function standingOf(subvolume: SubvolumeRecord): Standing {
  const { readOnly, receivedUuid, creationTransid, ctransid, receiveTransid } = subvolume;
  if (!readOnly) return 'writable';
  if (receivedUuid === null) return 'genuine';
  // A subvolume is created before it is received. A snapshot inherits the earlier receive transid.
  if (creationTransid > receiveTransid) return 'copied';
  return ctransid <= receiveTransid ? 'genuine' : 'undecided';
}
