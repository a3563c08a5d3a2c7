/**
 * Makes an incremental send stream from the difference of two trees, as `btrfs send -p` does from two
 * snapshots. Sources: send_subvol and process_recorded_refs of the kernel's fs/btrfs/send.c for what
 * a stream may hold, and cmds/receive.c of btrfs-progs for what each command does.
 */
import type { Identity } from '../names/identity.ts';
import type { CommandBody } from '../sendstream/commands.ts';
import { encodeCommand, encodeHeader } from '../sendstream/writer.ts';
import type { AttributeCommands } from './attribute-commands.ts';
import {
  attributes,
  inherited,
  withoutCapability,
  withoutInheritance,
} from './craft-attributes.ts';
import type { Added, Changed, Difference, Removed } from './difference.ts';
import {
  type Attributes,
  comparePaths,
  type Entry,
  type Inode,
  type Nested,
  pathKey,
  type RegularFile,
} from './entry.ts';
import type { Run } from './runs.ts';

export interface CraftOptions {
  /** Name of the subvolume in the stream. */
  readonly name: Uint8Array;
  readonly identity: Identity;
  /** The subvolume that the stream is applied to a snapshot of. */
  readonly parent: Identity;
  /**
   * Reads bytes of a file of the new tree, as many as were asked for. The result is valid until the
   * next call.
   */
  readonly read: (path: Buffer, start: number, length: number) => Uint8Array;
  /** Attributes of inodes in place, which were encoded while the trees were compared. */
  readonly attributes?: AttributeCommands;
  /** Let a file clone blocks that moved within it. They must begin and end on sectors of the receiver. */
  readonly clones: boolean;
}

/** Bytes of contents in one command, as the kernel sends them in version 1 (BTRFS_SEND_READ_SIZE). */
const WRITE = 48 * 1024;

/**
 * Yields the stream, version 1, command by command.
 *
 * @throws {RangeError} if one does not fit its command
 */
export function* craft(
  difference: Difference,
  options: CraftOptions,
): Generator<Uint8Array, void, undefined> {
  yield encodeHeader(1);
  yield encodeCommand(beginning(options), 1);
  yield* options.attributes?.pieces ?? [];
  for (const command of commandsOf(difference, options)) yield encodeCommand(command, 1);
}

function beginning({ name, identity, parent }: CraftOptions): CommandBody {
  return {
    type: 'SNAPSHOT',
    path: name,
    ...identity,
    cloneUuid: parent.uuid,
    cloneCtransid: parent.ctransid,
  };
}

function* commandsOf(
  difference: Difference,
  options: CraftOptions,
): Generator<CommandBody, void, undefined> {
  const { removed, added, changed, touched } = difference;
  const moved = moves(removed, added, options);
  for (const both of touched.values()) yield* withoutInheritance(both.old);
  yield* clearance(removed, moved);
  yield* creation(added, moved);
  for (const { entry, runs } of added) {
    if (entry.kind === 'link' || entry.kind === 'directory') continue;
    const before = moved.get(pathKey(entry.path))?.old.entry;
    if (entry.kind === 'file' && before === undefined) {
      yield* resizing(entry.path, 0, entry.size);
      yield* contents(entry.path, runs, options);
    }
    yield* attributes(entry, before as Attributes | undefined);
  }
  const crafting = { ...options, bare: isBare(difference.root.old) };
  for (const each of changed) if (each.new.kind !== 'directory') yield* change(each, crafting);
  const cloned = changed.some(
    ({ old, runs }) => old.kind === 'file' && hasMoved(runs, old, crafting),
  );
  yield* directories(difference, moved.size > 0 || cloned);
  yield { type: 'END' };
}

/** Names under the root of the stream for files on their way to a new place, by that place. */
function moves(
  removed: readonly Removed[],
  added: readonly Added[],
  options: CraftOptions,
): ReadonlyMap<string, { readonly old: Removed; readonly aside: Buffer }> {
  const byContents = new Map<string, Removed[]>();
  for (const each of removed) {
    if (each.contents === undefined) continue;
    const others = byContents.get(each.contents);
    if (others === undefined) byContents.set(each.contents, [each]);
    else others.push(each);
  }
  const moved = new Map<string, { old: Removed; aside: Buffer }>();
  for (const { entry, contents: wanted } of added) {
    const old = wanted === undefined ? undefined : byContents.get(wanted)?.shift();
    if (old === undefined) continue;
    moved.set(pathKey(entry.path), { old, aside: asideName(options, moved.size) });
  }
  return moved;
}

type Moves = ReturnType<typeof moves>;

/** Takes away all that is removed, and puts aside what moves. */
function* clearance(removed: readonly Removed[], moved: Moves): Generator<CommandBody> {
  const asides = new Map([...moved.values()].map(({ old, aside }) => [old, aside]));
  for (const each of removed) {
    const { kind, path } = each.entry;
    const aside = asides.get(each);
    if (aside !== undefined) yield { type: 'RENAME', path, pathTo: aside };
    else if (!isDirectory(kind)) yield { type: 'UNLINK', path };
  }
  for (const { entry } of removed.toReversed()) {
    if (isDirectory(entry.kind)) yield { type: 'RMDIR', path: entry.path };
  }
}

/** A snapshot has an empty directory in place of a nested subvolume. */
function isDirectory(kind: Entry['kind']): boolean {
  return kind === 'directory' || kind === 'subvolume';
}

/** Makes all that is added, without contents and attributes. */
function* creation(added: readonly Added[], moved: Moves): Generator<CommandBody> {
  for (const [at, { entry }] of added.entries()) {
    const move = moved.get(pathKey(entry.path));
    if (move === undefined) yield creationOf(entry, BigInt(at) + FIRST_INODE);
    else yield { type: 'RENAME', path: move.aside, pathTo: entry.path };
  }
}

/** Inode numbers in the stream only have to be possible ones. */
const FIRST_INODE = 257n;

/** File types of a mode: S_IFCHR and S_IFBLK. */
const TYPE = { character: 0o020000, block: 0o060000 };

function creationOf(entry: Exclude<Entry, Nested>, ino: bigint): CommandBody {
  const { path } = entry;
  switch (entry.kind) {
    case 'directory':
      return { type: 'MKDIR', path, ino };
    case 'file':
      return { type: 'MKFILE', path, ino };
    case 'symlink':
      return { type: 'SYMLINK', path, ino, pathLink: entry.target };
    case 'link':
      return { type: 'LINK', path, pathLink: entry.first };
    case 'fifo':
      return { type: 'MKFIFO', path, ino };
    case 'socket':
      return { type: 'MKSOCK', path, ino };
    case 'character':
    case 'block':
      return {
        type: 'MKNOD',
        path,
        ino,
        rdev: entry.device,
        mode: BigInt(TYPE[entry.kind] | entry.mode),
      };
  }
}

function* resizing(path: Buffer, old: number, size: number): Generator<CommandBody> {
  if (old !== size) yield { type: 'TRUNCATE', path, size: BigInt(size) };
}

/**
 * Writes runs of a file.
 *
 * @param before path of another file with its old contents, to clone moved blocks from
 */
function* contents(
  path: Buffer,
  runs: readonly Run[],
  { read, identity }: CraftOptions,
  before?: Buffer,
): Generator<CommandBody> {
  for (const { start, end, from } of runs) {
    if (before !== undefined && from !== undefined) {
      yield clone(identity, { path: before, start: from }, { path, start }, end - start);
      continue;
    }
    for (let at = start; at < end; at += WRITE) {
      const data = read(path, at, Math.min(WRITE, end - at));
      yield { type: 'WRITE', path, fileOffset: BigInt(at), data };
    }
  }
}

interface At {
  readonly path: Buffer;
  readonly start: number;
}

/** Clones within the subvolume that is being received. Only that is found without a received UUID. */
function clone({ uuid, ctransid }: Identity, from: At, to: At, length: number): CommandBody {
  return {
    type: 'CLONE',
    path: to.path,
    fileOffset: BigInt(to.start),
    cloneLen: BigInt(length),
    cloneUuid: uuid,
    cloneCtransid: ctransid,
    clonePath: from.path,
    cloneOffset: BigInt(from.start),
  };
}

function* change(
  { old, new: inode, runs, kinds }: Changed,
  options: Crafting,
): Generator<CommandBody> {
  let before: Attributes = old;
  if (old.kind === 'file' && inode.kind === 'file' && kinds.includes('contents')) {
    const { path } = inode;
    const aside = hasMoved(runs, old, options) ? asideName(options, 'old') : undefined;
    if (aside !== undefined) {
      yield { type: 'MKFILE', path: aside, ino: FIRST_INODE };
      yield clone(options.identity, { path, start: 0 }, { path: aside, start: 0 }, old.size);
    }
    before = yield* withoutCapability(path, old);
    yield* resizing(path, old.size, inode.size);
    yield* contents(path, runs, options, aside);
    if (aside !== undefined) yield { type: 'UNLINK', path: aside };
  }
  yield* attributes(inode, before);
}

interface Crafting extends CraftOptions {
  /** New files under the root, where old contents are put aside, get no checksums. */
  readonly bare: boolean;
}

function isBare(root: Inode): boolean {
  return root.kind === 'directory' && root.nocow === true;
}

/** Reports whether blocks that moved within a file are to be cloned. */
function hasMoved(
  runs: readonly Run[],
  { nocow = false }: RegularFile,
  { clones, bare }: Crafting,
): boolean {
  // The kernel clones only between files that both have checksums, or both have none.
  return clones && nocow === bare && runs.some(({ from }) => from !== undefined);
}

/** The name of a file under the root that is there only for a while. */
function asideName({ identity }: CraftOptions, suffix: string | number): Buffer {
  return Buffer.from(`.btrferry-${identity.uuid}-${suffix}`);
}

/** Sets the attributes of directories, after all that changes their times. */
function* directories(
  { root, added, changed, touched }: Difference,
  throughRoot: boolean,
): Generator<CommandBody> {
  const found = new Map<string, { inode: Inode; old: Attributes | undefined }>();
  if (throughRoot) found.set('', { inode: root.new, old: root.old });
  for (const { entry } of added) {
    if (entry.kind === 'directory')
      found.set(pathKey(entry.path), { inode: entry, old: undefined });
  }
  for (const { old, new: inode } of changed) {
    if (inode.kind === 'directory') found.set(pathKey(inode.path), { inode, old });
  }
  for (const [path, { old, new: inode }] of touched) {
    const left = old.xattrs.filter((xattr) => !inherited(old).includes(xattr));
    found.set(path, { inode, old: { ...old, xattrs: left } });
  }
  const inOrder = [...found.values()].sort((a, b) => comparePaths(a.inode.path, b.inode.path));
  for (const { inode, old } of inOrder) yield* attributes(inode, old);
}
