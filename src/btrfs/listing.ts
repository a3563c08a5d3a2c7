import { joinPath } from '../names/path.ts';
import { request } from './ioctl.ts';
import { type SubvolumeInfo, subvolumeInfoOf } from './subvolume-info.ts';
import { searchTree, type TreeItem } from './tree-search.ts';

/** A subvolume anywhere on its filesystem. */
export interface Subvolume extends SubvolumeInfo {
  /** Path from the top level of the filesystem, without a leading slash. */
  readonly path: Buffer;
}

const ROOT_TREE = 1n;
const UUID_TREE = 9n;
/** Object ids of subvolumes: BTRFS_FIRST_FREE_OBJECTID to BTRFS_LAST_FREE_OBJECTID. */
const SUBVOLUMES = [256n, 0xffff_ffff_ffff_ff00n] as const;
const ROOT_ITEM = 132;
const ROOT_BACKREF = 144;
/** Types of items that list the subvolumes with a UUID, in the order in which they got it. */
const UUID_ITEMS = { own: 251, received: 252 } as const;

/** BTRFS_IOC_INO_LOOKUP, and the size of its argument. */
const INO_LOOKUP = 0xd0009412;
const LOOKUP_SIZE = 4096;

/** The directory entry of a subvolume. */
interface Place {
  /** Id of the subvolume that holds the directory. */
  readonly above: bigint;
  /** Path of the directory in that subvolume, empty or ending in a slash. */
  readonly directory: Buffer;
  readonly name: Buffer;
}

/**
 * Lists the subvolumes of a filesystem by id, without the top level and without deleted ones. Needs
 * root.
 *
 * @param file an open file or directory of the filesystem
 * @throws the system error
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
 * Finds the path of a subvolume from the top level, without a leading slash; empty for the top
 * level, undefined for a subvolume that is being deleted. Needs root.
 *
 * @throws the system error
 */
export function subvolumePath(file: number, id: number): Buffer | undefined {
  return climb(BigInt(id), (at) => {
    const range = { objectid: [at, at], type: [ROOT_BACKREF, ROOT_BACKREF] } as const;
    for (const item of searchTree(file, ROOT_TREE, range)) return placeIn(file, item);
    return undefined;
  });
}

/**
 * Finds the subvolume that `btrfs receive` takes for the UUID of a parent or clone source: the
 * first one that got it as its received UUID, otherwise the one with that UUID of its own. Returns
 * its id, or undefined if there is none. Needs root.
 *
 * Source: subvol_uuid_search of btrfs-progs (common/send-utils.c).
 *
 * @throws the system error
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

/** Joins the places from a subvolume up to the top level; undefined if one has no place. */
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

/** Returns undefined if the item is not a ROOT_BACKREF, or if its directory is gone. */
function placeIn(file: number, { type, offset: above, data }: TreeItem): Place | undefined {
  if (type !== ROOT_BACKREF) return undefined;
  // struct btrfs_root_ref: dirid, sequence, length of the name, name.
  const directory = directoryPath(file, above, data.readBigUInt64LE(0));
  const name = Buffer.from(data.subarray(18, 18 + data.readUInt16LE(16)));
  return directory && { above, directory, name };
}

/** Returns undefined if the directory is gone, or too deep for any path. */
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
