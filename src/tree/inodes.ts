import { type BigIntStats, lstatSync, readdirSync, readlinkSync } from 'node:fs';
import type { FlagReader } from '../btrfs/flags.ts';
import { type Xattr, xattrsOf } from '../btrfs/xattrs.ts';
import { Failure } from '../failure/failure.ts';
import { isSystemError, systemFailure } from '../failure/system.ts';
import { type Path, pathBytes } from '../names/path.ts';
import { printable } from '../names/printable.ts';
import { type Attributes, type Inode, MAX_XATTR, type Nested } from './entry.ts';

/** The record of an inode, under one of its names. */
export interface FoundInode {
  /** Path from the root of the tree. */
  readonly path: Buffer;
  /** Path of the file on this machine. */
  readonly file: Buffer;
  readonly stats: BigIntStats;
}

/** Inode number of a directory that stands for a nested subvolume (BTRFS_EMPTY_SUBVOL_DIR_OBJECTID). */
const PLACEHOLDER = 2n;

/**
 * Finds the inodes below a directory in the order of a tree, as lstat(2) shows them. Does not go
 * into nested subvolumes.
 *
 * @throws {Failure} `read-failed`
 */
export function* inodesBelow(top: Path): Generator<FoundInode | Nested, void, undefined> {
  const above = pathBytes(top).toString('latin1').replace(/\/+$/, '');
  const at = (path: string) => Buffer.from(`${above}/${path}`, 'latin1');
  const root = record(at(''));
  // The paths are strings of one character for each byte, which take less memory than buffers.
  const waiting = [''];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const file = at(path);
    const stats = record(file);
    if (isNested(stats, root)) {
      yield { kind: 'subvolume', path: Buffer.from(path, 'latin1') };
      continue;
    }
    yield { path: Buffer.from(path, 'latin1'), file, stats };
    if (!stats.isDirectory()) continue;
    const prefix = path === '' ? '' : `${path}/`;
    for (const name of namesIn(file).reverse()) waiting.push(prefix + name);
  }
}

function isNested({ ino, dev }: BigIntStats, root: BigIntStats): boolean {
  return dev !== root.dev || ino === PLACEHOLDER;
}

function record(path: Buffer): BigIntStats {
  return reading(path, () => lstatSync(path, { bigint: true }));
}

/** The names in a directory, sorted by their bytes. */
function namesIn(path: Buffer): string[] {
  return reading(path, () => readdirSync(path, 'latin1')).sort();
}

function reading<T>(path: Buffer, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw readFailure(error, path);
  }
}

/**
 * Reads all of an inode but the contents of a file.
 *
 * @param flags those of the subvolume that holds it
 * @throws {Failure} `read-failed`
 */
export function inodeOf({ path, file, stats }: FoundInode, flags: FlagReader): Inode {
  const { nocow, immutable } = reading(file, () => flags.of(stats.ino));
  const attributes: Attributes = {
    mode: Number(stats.mode & 0o7777n),
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    mtime: stats.mtimeNs,
    xattrs: carried(
      file,
      reading(file, () => xattrsOf(file)),
    ),
    ...(immutable ? { immutable } : {}),
  };
  const common = { path, ...attributes };
  if (stats.isDirectory()) {
    const bare = path.length === 0 && (nocow || flags.mountedWithout);
    return { kind: 'directory', ...common, ...(bare ? { nocow: true } : {}) };
  }
  if (stats.isSymbolicLink()) {
    return {
      kind: 'symlink',
      ...common,
      target: reading(file, () => readlinkSync(file, 'buffer')),
    };
  }
  if (stats.isFIFO()) return { kind: 'fifo', ...common };
  if (stats.isSocket()) return { kind: 'socket', ...common };
  if (stats.isCharacterDevice()) return { kind: 'character', ...common, device: stats.rdev };
  if (stats.isBlockDevice()) return { kind: 'block', ...common, device: stats.rdev };
  const size = sizeOf(file, stats);
  const bare = size > 0 && nocow;
  const digests = new Uint8Array(0);
  return { kind: 'file', ...common, size, digests, ...(bare ? { nocow: true } : {}) };
}

function carried(file: Buffer, xattrs: readonly Xattr[]): readonly Xattr[] {
  const large = xattrs.find(({ value }) => value.length > MAX_XATTR);
  if (large === undefined) return xattrs;
  const [shown, name] = [printable(file), printable(large.name)];
  throw new Failure(
    'read-failed',
    `${shown} has an extended attribute that is too large: ${name}`,
    {
      hint: `no send stream can carry more than ${MAX_XATTR} bytes of it`,
      where: { path: shown, found: `${large.value.length}` },
    },
  );
}

function sizeOf(file: Buffer, { size }: BigIntStats): number {
  if (size <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(size);
  const shown = printable(file);
  throw new Failure('read-failed', `${shown} has more than 2^53 bytes`, { where: { path: shown } });
}

/** Turns the error of a system call into a failure that names the file. */
export function readFailure(error: unknown, path: Uint8Array): unknown {
  const shown = printable(Buffer.from(path));
  if (!isSystemError(error)) return error;
  return systemFailure(error, { code: 'read-failed', doing: 'cannot read', path: shown });
}

/** The failure of a file that is shorter than its record says. */
export function shortened(path: Uint8Array): Failure {
  const shown = printable(Buffer.from(path));
  return new Failure('read-failed', `${shown} became shorter while it was read`, {
    hint: 'see what writes there, or name a read-only snapshot',
    where: { path: shown },
  });
}
