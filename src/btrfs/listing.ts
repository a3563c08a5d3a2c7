import { joinPath } from '../names/path.ts';
import { request } from './ioctl.ts';
import { type SubvolumeInfo, subvolumeInfoOf } from './subvolume-info.ts';
import { searchTree, type TreeItem } from './tree-search.ts';

/** A subvolume, wherever on its filesystem it lies. */
export interface Subvolume extends SubvolumeInfo {
  /** From the filesystem's top level, without a slash in front. */
  readonly path: Buffer;
}

const ROOT_TREE = 1n;
const UUID_TREE = 9n;
/** Object ids of subvolumes: BTRFS_FIRST_FREE_OBJECTID to BTRFS_LAST_FREE_OBJECTID. */
const SUBVOLUMES = [256n, 0xffff_ffff_ffff_ff00n] as const;
const ROOT_ITEM = 132;
const ROOT_BACKREF = 144;
/** Items whose data are ids of the subvolumes with a UUID, in the order in which they got it. */
const UUID_ITEMS = { own: 251, received: 252 } as const;

/** BTRFS_IOC_INO_LOOKUP, and the size of its argument. */
const INO_LOOKUP = 0xd0009412;
const LOOKUP_SIZE = 4096;

/** Where a subvolume hangs: its name in a directory of another. */
interface Place {
  /** Id of the subvolume that the directory is in. */
  readonly above: bigint;
  /** Path of the directory in that one, empty or with a slash at its end. */
  readonly directory: Buffer;
  readonly name: Buffer;
}

/**
 * All subvolumes of a filesystem but the top level itself, by id; deleted ones are left out.
 * Needs root.
 *
 * @param file an open file or directory of the filesystem
 * @throws the system error.
 */
export function subvolumesOf(file: number): Subvolume[] {
  const infos: SubvolumeInfo[] = [];
  const places = new Map<bigint, Place>();
  const range = { objectid: SUBVOLUMES, type: [ROOT_ITEM, ROOT_BACKREF] } as const;
  for (const item of searchTree(file, ROOT_TREE, range)) {
    const info = item.type === ROOT_ITEM ? subvolumeInfoOf(item.objectid, item.data) : undefined;
    if (info !== undefined) infos.push(info);
    const place = placeIn(file, item);
    if (place !== undefined) places.set(item.objectid, place);
  }
  return infos.flatMap((info) => {
    const path = climb(BigInt(info.id), (id) => places.get(id));
    return path === undefined ? [] : [{ ...info, path }];
  });
}

/**
 * The path of a subvolume from its filesystem's top level, without a slash in front; empty for the
 * top level itself. Undefined where it is being deleted. Needs root.
 *
 * @throws the system error.
 */
export function subvolumePath(file: number, id: number): Buffer | undefined {
  return climb(BigInt(id), (at) => {
    const range = { objectid: [at, at], type: [ROOT_BACKREF, ROOT_BACKREF] } as const;
    for (const item of searchTree(file, ROOT_TREE, range)) return placeIn(file, item);
    return undefined;
  });
}

/**
 * Id of the subvolume that `btrfs receive` takes for a UUID which a stream names as its parent
 * or clone source: the first that got it as its received UUID, else the one whose own it is.
 * Undefined where there is none. Needs root.
 *
 * Source: subvol_uuid_search of btrfs-progs (common/send-utils.c).
 *
 * @throws the system error.
 */
export function receiveTakes(file: number, uuid: string): number | undefined {
  const bytes = Buffer.from(uuid.replaceAll('-', ''), 'hex');
  const [objectid, offset] = [bytes.readBigUInt64LE(0), bytes.readBigUInt64LE(8)];
  for (const type of [UUID_ITEMS.received, UUID_ITEMS.own]) {
    const key = {
      objectid: [objectid, objectid],
      type: [type, type],
      offset: [offset, offset],
    } as const;
    for (const { data } of searchTree(file, UUID_TREE, key)) return Number(data.readBigUInt64LE(0));
  }
  return undefined;
}

const TOP_LEVEL = 5n;

/** The path that leads up through the places of subvolumes; undefined where one has none. */
function climb(id: bigint, placeOf: (id: bigint) => Place | undefined): Buffer | undefined {
  let path: Buffer = Buffer.alloc(0);
  for (let at = id; at !== TOP_LEVEL; ) {
    const place = placeOf(at);
    if (place === undefined) return undefined;
    const here = Buffer.concat([place.directory, place.name]);
    path = path.length === 0 ? here : joinPath(here, path);
    at = place.above;
  }
  return path;
}

/** Undefined where the item is no ROOT_BACKREF, or its directory is gone meanwhile. */
function placeIn(file: number, { type, offset: above, data }: TreeItem): Place | undefined {
  if (type !== ROOT_BACKREF) return undefined;
  // struct btrfs_root_ref: dirid, sequence, length of the name, name.
  const directory = directoryPath(file, above, data.readBigUInt64LE(0));
  const name = Buffer.from(data.subarray(18, 18 + data.readUInt16LE(16)));
  return directory && { above, directory, name };
}

/** Undefined where the directory is gone meanwhile, or lies too deep for any path to lead there. */
function directoryPath(file: number, subvolume: bigint, directory: bigint): Buffer | undefined {
  const lookup = Buffer.alloc(LOOKUP_SIZE);
  lookup.writeBigUInt64LE(subvolume, 0);
  lookup.writeBigUInt64LE(directory, 8);
  try {
    request(file, INO_LOOKUP, lookup);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENAMETOOLONG') return undefined;
    throw error;
  }
  const path = lookup.subarray(16);
  return Buffer.from(path.subarray(0, path.indexOf(0)));
}
