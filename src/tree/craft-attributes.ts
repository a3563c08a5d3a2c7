import type { Xattr } from '../btrfs/xattrs.ts';
import type { Timespec } from '../sendstream/attributes.ts';
import type { CommandBody } from '../sendstream/commands.ts';
import type { Attributes, Inode } from './entry.ts';

/** The commands that set attributes, in the order that the kernel needs. */

const CAPABILITY = Buffer.from('security.capability');

/** Takes capabilities away before the kernel does, which depends on its version. */
export function* withoutCapability(
  path: Buffer,
  old: Attributes,
): Generator<CommandBody, Attributes> {
  const xattrs = old.xattrs.filter(({ name }) => !name.equals(CAPABILITY));
  if (xattrs.length < old.xattrs.length) {
    yield { type: 'REMOVE_XATTR', path, xattrName: CAPABILITY };
  }
  return { ...old, xattrs };
}

/**
 * Sets the attributes of an inode.
 *
 * @param old those that it has; undefined for one that was just made
 */
export function* attributes(inode: Inode, old: Attributes | undefined): Generator<CommandBody> {
  const { path, uid, gid, mode } = inode;
  let before = old;
  if (before === undefined || before.uid !== uid || before.gid !== gid) {
    if (before !== undefined) before = yield* withoutCapability(path, before);
    yield { type: 'CHOWN', path, uid: BigInt(uid), gid: BigInt(gid) };
  }
  if (inode.kind !== 'symlink') yield { type: 'CHMOD', path, mode: BigInt(mode) };
  yield* xattrChanges(path, before?.xattrs ?? [], inode.xattrs);
  yield times(inode);
}

function* xattrChanges(
  path: Buffer,
  old: readonly Xattr[],
  wanted: readonly Xattr[],
): Generator<CommandBody> {
  const key = ({ name }: Xattr) => name.toString('latin1');
  const before = new Map(old.map((xattr) => [key(xattr), xattr.value]));
  const after = new Set(wanted.map(key));
  for (const { name } of old) {
    if (!after.has(name.toString('latin1'))) yield { type: 'REMOVE_XATTR', path, xattrName: name };
  }
  for (const xattr of wanted) {
    if (before.get(key(xattr))?.equals(xattr.value)) continue;
    yield { type: 'SET_XATTR', path, xattrName: xattr.name, xattrData: xattr.value };
  }
}

function times({ path, mtime }: Inode): CommandBody {
  const at = timespec(mtime);
  return { type: 'UTIMES', path, atime: at, mtime: at, ctime: at };
}

const SECOND = 1_000_000_000n;

function timespec(time: bigint): Timespec {
  const nsec = ((time % SECOND) + SECOND) % SECOND;
  return { sec: (time - nsec) / SECOND, nsec: Number(nsec) };
}

/** The attributes of a directory that new files in it get, too. */
const INHERITED = ['system.posix_acl_default', 'btrfs.compression'];

export function inherited({ xattrs }: Attributes): Xattr[] {
  return xattrs.filter(({ name }) => INHERITED.includes(name.toString('latin1')));
}

/** Takes away what new files of a directory would get from it. */
export function* withoutInheritance(directory: Inode): Generator<CommandBody> {
  for (const { name } of inherited(directory)) {
    yield { type: 'REMOVE_XATTR', path: directory.path, xattrName: name };
  }
}
