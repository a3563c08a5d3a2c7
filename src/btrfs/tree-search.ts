import { request } from './ioctl.ts';

/**
 * An item of a tree of a filesystem, as of the current transaction.
 * Source: BTRFS_IOC_TREE_SEARCH_V2, linux/btrfs.h and linux/btrfs_tree.h.
 */
export interface TreeItem {
  readonly objectid: bigint;
  readonly type: number;
  readonly offset: bigint;
  /** A view, valid until the next item is requested. */
  readonly data: Buffer;
}

/** Inclusive bounds of each part of a key. An omitted part may have any value. */
export interface KeyRange {
  readonly objectid: readonly [bigint, bigint];
  readonly type: readonly [number, number];
  readonly offset?: readonly [bigint, bigint];
  /** Return only nodes that were written in this transaction or later; by default, all. */
  readonly writtenSince?: bigint;
}

const TREE_SEARCH_V2 = 0xc0709411;
/** Bytes of struct btrfs_ioctl_search_key and of the size of the buffer that follows it. */
const KEY_SIZE = 104;
const ARGUMENT_SIZE = KEY_SIZE + 8;
/** Bytes of struct btrfs_ioctl_search_header, which precedes each item. */
const HEADER_SIZE = 32;
/** Bytes of the buffer by default. An item is at most as long as a node, 64 KiB. */
const BUFFER_SIZE = 128 * 1024;
const ANY = 0xffff_ffff_ffff_ffffn;

/**
 * Yields the items of a tree with keys in a range, in the order of keys. Needs root.
 *
 * @param file an open file or directory of the filesystem
 * @param tree its id; 0 for the subvolume that holds the file
 * @param room bytes for the items of one request
 * @throws the system error
 */
export function* searchTree(
  file: number,
  tree: bigint,
  range: KeyRange,
  room = BUFFER_SIZE,
): Generator<TreeItem> {
  const { objectid, type, offset = [0n, ANY], writtenSince = 0n } = range;
  const search = Buffer.allocUnsafe(ARGUMENT_SIZE + room).fill(0, 0, ARGUMENT_SIZE);
  // The kernel takes the lower bounds as one key to begin at, and the others as bounds of each
  // part.
  let from = { objectid: objectid[0], type: type[0], offset: offset[0] };
  for (;;) {
    const { objectid: first, offset: place } = from;
    const numbers = [tree, first, objectid[1], place, offset[1], writtenSince, ANY];
    for (const [at, value] of numbers.entries()) search.writeBigUInt64LE(value, 8 * at);
    search.writeUInt32LE(from.type, 56);
    search.writeUInt32LE(type[1], 60);
    search.writeUInt32LE(0xffff_ffff, 64);
    search.writeBigUInt64LE(BigInt(room), KEY_SIZE);
    request(file, TREE_SEARCH_V2, search);
    const found = search.readUInt32LE(64);
    let last: TreeItem | undefined;
    for (let left = found, at = ARGUMENT_SIZE; left > 0; left--) {
      last = itemAt(search, at);
      at += HEADER_SIZE + last.data.length;
      if (within(last.offset, offset) && within(BigInt(last.type), type)) yield last;
    }
    if (last === undefined) return;
    const next = { objectid: last.objectid, type: last.type, offset: last.offset + 1n };
    from = last.offset === ANY ? { ...next, type: last.type + 1, offset: 0n } : next;
  }
}

function itemAt(search: Buffer, at: number): TreeItem {
  const data = at + HEADER_SIZE;
  return {
    objectid: search.readBigUInt64LE(at + 8),
    offset: search.readBigUInt64LE(at + 16),
    type: search.readUInt32LE(at + 24),
    data: search.subarray(data, data + search.readUInt32LE(at + 28)),
  };
}

function within(value: bigint, [least, most]: readonly [bigint | number, bigint | number]) {
  return value >= least && value <= most;
}
