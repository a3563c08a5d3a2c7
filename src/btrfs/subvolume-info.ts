import type { SubvolumeRecord } from '../names/standing.ts';
import { formatUuid, UUID_LENGTH } from '../names/uuid.ts';
import { request } from './ioctl.ts';

/** The records of the kernel about a subvolume. */
export interface SubvolumeInfo extends SubvolumeRecord {
  readonly id: number;
  /** Lower case, with dashes, like all UUIDs here. */
  readonly uuid: string;
  /** UUID of the subvolume that it is a snapshot of; null if it is not a snapshot. */
  readonly parentUuid: string | null;
  readonly generation: bigint;
  /** The ctransid that its stream announced; 0 if it was not received. */
  readonly sendTransid: bigint;
  /** Time of its creation, nanoseconds since 1970. */
  readonly createdAt: bigint;
  /** Time at which it became a received subvolume, nanoseconds since 1970; 0 if it did not. */
  readonly receivedAt: bigint;
}

/** BTRFS_IOC_GET_SUBVOL_INFO, and the size of its argument. */
const GET_SUBVOL_INFO = 0x81f8943c;
const INFO_SIZE = 504;
/** BTRFS_ROOT_SUBVOL_RDONLY */
const READ_ONLY = 1n;

/**
 * Gets the records of the subvolume that holds an open file: those that a send stream of it would
 * announce now. Linux 4.18 and later. Needs no privilege.
 *
 * @throws the system error, such as `ENOTTY` if the file is not on btrfs
 */
export function subvolumeInfo(file: number): SubvolumeInfo {
  const info = Buffer.alloc(INFO_SIZE);
  request(file, GET_SUBVOL_INFO, info);
  // struct btrfs_ioctl_get_subvol_info_args: id, name[256], parent_id, dirid, generation, flags,
  // uuid, parent_uuid, received_uuid, four transids, four times of 16 bytes.
  return infoAt(info, {
    id: 0,
    generation: 280,
    flags: 288,
    uuids: 296,
    transids: 344,
    times: 376,
    time: 16,
  });
}

/**
 * Reads the same from a ROOT_ITEM of the root tree, as of the last commit. Returns undefined for an
 * item without UUIDs, from a kernel before 3.6.
 *
 * @param data struct btrfs_root_item, packed
 */
export function subvolumeInfoOf(id: bigint, data: Buffer): SubvolumeInfo | undefined {
  if (data.length < 375) return undefined;
  const places = { generation: 160, flags: 208, uuids: 247, transids: 295, times: 327, time: 12 };
  return { ...infoAt(data, { id: 0, ...places }), id: Number(id) };
}

/** Offsets of the fields, bytes. `time` is the size of one time. */
interface Places {
  readonly id: number;
  readonly generation: number;
  readonly flags: number;
  readonly uuids: number;
  readonly transids: number;
  readonly times: number;
  readonly time: number;
}

function infoAt(bytes: Buffer, at: Places): SubvolumeInfo {
  const u64 = (place: number) => bytes.readBigUInt64LE(place);
  const time = (index: number) => {
    const place = at.times + index * at.time;
    return u64(place) * 1_000_000_000n + BigInt(bytes.readUInt32LE(place + 8));
  };
  const uuid = (index: number) => uuidAt(bytes.subarray(at.uuids + UUID_LENGTH * index));
  return {
    id: Number(u64(at.id)),
    generation: u64(at.generation),
    readOnly: (u64(at.flags) & READ_ONLY) !== 0n,
    uuid: uuid(0) ?? '',
    parentUuid: uuid(1),
    receivedUuid: uuid(2),
    ctransid: u64(at.transids),
    creationTransid: u64(at.transids + 8),
    sendTransid: u64(at.transids + 16),
    receiveTransid: u64(at.transids + 24),
    createdAt: time(1),
    receivedAt: time(3),
  };
}

/** Reads the UUID at the start of `bytes`; null if it is all zeros. */
function uuidAt(bytes: Buffer): string | null {
  const uuid = bytes.subarray(0, UUID_LENGTH);
  return uuid.every((byte) => byte === 0) ? null : formatUuid(uuid);
}
