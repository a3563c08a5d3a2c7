import type { Xattr } from '../btrfs/xattrs.ts';

/**
 * A tree is what a snapshot holds. It is a sequence of entries: the root first, each directory before
 * what is in it, and the entries of a directory by the bytes of their names.
 */

/** The attributes of every entry but a further name of one that came before. */
export interface Attributes {
  /** Permission bits, with set-user-ID, set-group-ID and the sticky bit. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Time of the last change of its contents, nanoseconds since 1970. */
  readonly mtime: bigint;
  /** Sorted by name. Access control lists and capabilities are among them. */
  readonly xattrs: readonly Xattr[];
  /** Not even root may change it: chattr +i or +a, or fs-verity. No stream carries that. */
  readonly immutable?: boolean;
}

interface Placed {
  /** Path from the root of the tree, any bytes; empty for the root itself. */
  readonly path: Buffer;
}

export interface Directory extends Placed, Attributes {
  readonly kind: 'directory';
  /** Of the root: new files in it get no checksums (chattr +C, or as it is mounted). */
  readonly nocow?: boolean;
}

export interface RegularFile extends Placed, Attributes {
  readonly kind: 'file';
  /** Bytes. */
  readonly size: number;
  /** The SHA-256 of each block, one after another. A hole counts as zeros. */
  readonly digests: Uint8Array;
  /** Btrfs keeps no checksums of it (chattr +C, or as it was mounted). Of an empty file: unknown. */
  readonly nocow?: boolean;
}

export interface SymbolicLink extends Placed, Attributes {
  readonly kind: 'symlink';
  readonly target: Buffer;
}

export interface Device extends Placed, Attributes {
  readonly kind: 'character' | 'block';
  /** Numbers of the device, as stat(2) gives them in one. */
  readonly device: bigint;
}

export interface Special extends Placed, Attributes {
  readonly kind: 'fifo' | 'socket';
}

/** A further name of an inode (a hard link). */
export interface Link extends Placed {
  readonly kind: 'link';
  /** Path of the first name. */
  readonly first: Buffer;
}

/**
 * A nested subvolume. A snapshot has an empty directory in its place, and a stream nothing: it is no
 * part of what the snapshot holds.
 */
export interface Nested extends Placed {
  readonly kind: 'subvolume';
}

/** An entry with attributes of its own. */
export type Inode = Directory | RegularFile | SymbolicLink | Device | Special;

export type Entry = Inode | Link | Nested;

/** Bytes of a file from which on it pays to clone blocks that moved within it. */
export const CLONED = 1024 * 1024;

/**
 * Bytes that the value of an extended attribute may have: more do not fit into a command of version 1
 * beside the longest path and name.
 */
export const MAX_XATTR = 61_000;

/** Bytes of a SHA-256. */
export const DIGEST = 32;

const SLASH = 0x2f;

/** Compares paths in the order of a tree. */
export function comparePaths(a: Uint8Array, b: Uint8Array): number {
  const common = Math.min(a.length, b.length);
  for (let at = 0; at < common; at++) {
    const [left, right] = [a[at] as number, b[at] as number];
    if (left === right) continue;
    // No name holds a slash, so it comes before every byte of a name.
    if (left === SLASH) return -1;
    return right === SLASH ? 1 : left - right;
  }
  return a.length - b.length;
}

/** Path of the directory that holds an entry; undefined for the root. */
export function directoryOf(path: Buffer): Buffer | undefined {
  if (path.length === 0) return undefined;
  return path.subarray(0, Math.max(0, path.lastIndexOf(SLASH)));
}

/** A text for a path, one character for each byte, to find entries by. */
export function pathKey(path: Uint8Array): string {
  return Buffer.from(path.buffer, path.byteOffset, path.byteLength).toString('latin1');
}

/** Reports whether two lists of extended attributes are equal. */
export function sameXattrs(a: readonly Xattr[], b: readonly Xattr[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ name, value }, at) => {
      const other = b[at] as Xattr;
      return name.equals(other.name) && value.equals(other.value);
    })
  );
}
