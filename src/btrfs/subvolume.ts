import { stat } from 'node:fs/promises';
import { Failure } from '../failure/failure.ts';
import { isAbsence } from '../failure/system.ts';
import { assertBtrfs } from './filesystem.ts';
import {
  agree,
  fromTopLevel,
  type ListedSubvolume,
  longList,
  parseLongList,
  parseShortList,
} from './listing.ts';
import type { Mount } from './mounts.ts';
import { joinPath, type Path, pathBytes, printable } from './path.ts';
import { adviceOn, btrfs, complaint } from './process.ts';
import { parseShow, type Shown } from './show.ts';

/** A subvolume as the filesystem's list of all of them has it. */
export interface Subvolume extends ListedSubvolume {
  /** From the filesystem's top level, without a slash in front. */
  readonly path: Buffer;
  readonly readOnly: boolean;
}

/** A subvolume that was asked for by its path; {@link showSubvolume}. */
export interface ShownSubvolume extends Shown {
  /** From the filesystem's top level, without a slash in front; empty for the top level. */
  readonly path: Buffer;
}

/**
 * All subvolumes of the filesystem that holds `path`, but the top level itself. Needs root.
 *
 * @throws {Failure} `not-found`, `not-btrfs`, `not-root`, `btrfs-progs`, `storage-failed`.
 */
export async function listSubvolumes(path: Path): Promise<Subvolume[]> {
  await assertBtrfs(path);
  const asked = await rootId(path);
  for (let attempt = 0; attempt < 3; attempt++) {
    const [long, short, readOnly] = await Promise.all([
      ask(['subvolume', 'list', ...longList, path]).then(parseLongList),
      ask(['subvolume', 'list', path]).then(parseShortList),
      ask(['subvolume', 'list', '-r', ...longList, path]).then(parseLongList),
    ]);
    if (agree(long, short)) {
      const readOnlyIds = new Set(readOnly.map(({ id }) => id));
      return fromTopLevel(long, asked).map((entry) => ({
        ...entry,
        readOnly: readOnlyIds.has(entry.id),
      }));
    }
    const candidates = new Set([...long, ...short].map(({ id }) => id));
    if (attempt === 2 || forged(long, short)) return askEach(path, candidates);
  }
  return [];
}

/**
 * The subvolume at a path.
 *
 * @throws {Failure} `not-found`, `not-btrfs`, `not-a-subvolume`, `not-root`, `btrfs-progs`,
 * `storage-failed`.
 */
export async function showSubvolume(path: Path): Promise<ShownSubvolume> {
  await assertSubvolume(path);
  const [shown, id] = await Promise.all([ask(['subvolume', 'show', path]), rootId(path)]);
  const fromTop = id === topLevelId ? Buffer.alloc(0) : await resolve(id, path);
  if (fromTop === undefined) throw vanished(path);
  return { ...parseShow(shown, fromTop), path: fromTop };
}

/**
 * UUID of the subvolume that a directory lies in.
 *
 * @throws {Failure} `not-found`, `not-btrfs`, `btrfs-progs`, `storage-failed`.
 */
export async function subvolumeAround(path: Path): Promise<string> {
  await assertBtrfs(path);
  const id = await rootId(path);
  const fromTop = id === topLevelId ? Buffer.alloc(0) : await resolve(id, path);
  const shown = fromTop && (await showById({ id, path: fromTop }, path));
  if (shown === undefined) throw vanished(path);
  return shown.uuid;
}

/**
 * The ctransid that the stream announced which a subvolume was received from, whether it can be
 * reached through the mount or not; undefined where it is gone. Zero when it was never received.
 *
 * @param path anywhere on its filesystem
 */
export async function sendTransid(
  subvolume: Pick<Subvolume, 'id' | 'path'>,
  path: Path,
): Promise<bigint | undefined> {
  return (await showById(subvolume, path))?.sendTransid;
}

/** Whether the subvolume at a path is the one of this id. */
export async function isSubvolume(path: Path, id: number): Promise<boolean> {
  try {
    const { ino } = await stat(path, { bigint: true });
    return ino === SUBVOLUME_INODE && (await rootId(path)) === id;
  } catch (error) {
    if (isAbsence(error)) return false;
    throw error;
  }
}

/**
 * Where a subvolume can be reached through a mount of its filesystem; null when it lies outside
 * of what is mounted there. What else is mounted on the way is not looked at.
 */
export function reachablePath(
  subvolume: Pick<Subvolume, 'path'>,
  mount: Pick<Mount, 'root' | 'mountPoint'>,
): Buffer | null {
  const full = joinPath('/', subvolume.path);
  if (mount.root.equals(full)) return mount.mountPoint;
  const root = mount.root.equals(Buffer.from('/')) ? mount.root : joinPath(mount.root, '');
  if (!full.subarray(0, root.length).equals(root)) return null;
  return joinPath(mount.mountPoint, full.subarray(root.length));
}

/** @throws {Failure} `not-found`, `not-btrfs`, `not-a-subvolume`. */
export async function assertSubvolume(path: Path): Promise<void> {
  await assertBtrfs(path);
  const { ino } = await stat(path, { bigint: true });
  if (ino === SUBVOLUME_INODE) return;
  throw new Failure('not-a-subvolume', `${printable(path)} is not a btrfs subvolume`, {
    hint: `name a subvolume; those of its filesystem: btrfs subvolume list ${printable(path)}`,
    where: { path: printable(path) },
  });
}

const topLevelId = 5;

/** Of the root directory of each subvolume (BTRFS_FIRST_FREE_OBJECTID, linux/btrfs_tree.h). */
export const SUBVOLUME_INODE = 256n;

/** A list that changes between two calls differs by whole entries; a forged one by paths. */
function forged(...lists: readonly Pick<ListedSubvolume, 'path'>[][]): boolean {
  return lists.flat().some(({ path }) => path.includes('\n'));
}

async function askEach(path: Path, ids: Iterable<number>): Promise<Subvolume[]> {
  const found: Subvolume[] = [];
  for (const id of [...ids].sort((a, b) => a - b)) {
    const fromTop = await resolve(id, path);
    if (fromTop === undefined) continue;
    const shown = await showById({ id, path: fromTop }, path);
    if (shown !== undefined) found.push({ ...shown, path: fromTop });
  }
  return found;
}

/** Undefined where it is gone. */
async function showById(
  { id, path: fromTop }: Pick<Subvolume, 'id' | 'path'>,
  path: Path,
): Promise<Shown | undefined> {
  const { stdout, ended } = await btrfs(['subvolume', 'show', '-r', String(id), path]);
  return ended.exitCode === 0 ? parseShow(stdout, fromTop) : undefined;
}

/** The path of a subvolume from the top level; undefined when there is none with this id. */
async function resolve(id: number, path: Path): Promise<Buffer | undefined> {
  const command = ['inspect-internal', 'subvolid-resolve', String(id), path];
  const { stdout, ended } = await btrfs(command);
  return ended.exitCode === 0 && stdout.at(-1) === 0x0a ? stdout.subarray(0, -1) : undefined;
}

async function rootId(path: Path): Promise<number> {
  const id = Number((await ask(['inspect-internal', 'rootid', path])).toString());
  if (Number.isSafeInteger(id) && id >= topLevelId) return id;
  throw new Failure('btrfs-progs', `btrfs gives no subvolume id for ${printable(path)}`);
}

async function ask(args: readonly Path[]): Promise<Buffer> {
  const { stdout, ended } = await btrfs(args);
  if (ended.exitCode === 0) return stdout;
  const command = args.slice(0, 2).map(String).join(' ');
  const path = printable(pathBytes(args.at(-1) ?? ''));
  const said = complaint(ended);
  const advice = adviceOn(said);
  const code = advice.hint === undefined ? 'btrfs-progs' : 'storage-failed';
  throw new Failure(code, `btrfs ${command} failed for ${path}: ${said}`, {
    ...advice,
    where: { path },
  });
}

function vanished(path: Path): Failure {
  const where = { path: printable(path) };
  return new Failure('storage-failed', `subvolume ${where.path} went away`, {
    hint: 'check the drive and its cable, and that nothing deletes snapshots meanwhile',
    where,
  });
}
