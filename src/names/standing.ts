/** What btrfs records of a subvolume. Transids and times are those of its own filesystem. */
export interface SubvolumeRecord {
  readonly readOnly: boolean;
  readonly receivedUuid: string | null;
  /** Transaction in which it was created. */
  readonly creationTransid: bigint;
  /** Transaction of its last change. */
  readonly ctransid: bigint;
  /** Transaction in which it became a received subvolume. */
  readonly receiveTransid: bigint;
}

/**
 * Whether a subvolume is what its UUID says:
 * - `genuine`: it is read-only, and was never received, or not changed since it was;
 * - `writable`: it may change at any moment;
 * - `copied`: it is a snapshot of a received subvolume and inherited the received UUID, which
 *   proves nothing, since that subvolume may have been changed before;
 * - `changed`: it was changed after it was received;
 * - `undecided`: its tree was written after it was received. `btrfs receive` leaves file data for
 *   the kernel to write later, so that alone does not tell a change; the times of its files do.
 */
export type Standing = 'genuine' | 'writable' | 'copied' | 'changed' | 'undecided';

/**
 * The one rule by which a subvolume stands for a received UUID. Pure; `undecided` is for
 * someone who can look at the files.
 *
 * Source: set_received_subvol, create_pending_snapshot and btrfs_update_root_times of the kernel.
 */
export function standingOf(subvolume: SubvolumeRecord): Standing {
  const { readOnly, receivedUuid, creationTransid, ctransid, receiveTransid } = subvolume;
  if (!readOnly) return 'writable';
  if (receivedUuid === null) return 'genuine';
  // Only what is created before can be received; a snapshot is created after, with all the rest.
  if (creationTransid > receiveTransid) return 'copied';
  return ctransid <= receiveTransid ? 'genuine' : 'undecided';
}
