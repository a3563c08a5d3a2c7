import { readdir, stat, statfs } from 'node:fs/promises';
import { Failure } from '../failure/failure.ts';
import { isAbsence, isSystemError, systemFailure } from '../failure/system.ts';
import type { Path } from '../names/path.ts';
import { printable } from '../names/printable.ts';
import { complaint } from '../process/program.ts';
import { btrfs } from './command.ts';
import { type Mount, mountOf } from './mounts.ts';

/** The btrfs that holds a path. */
export interface Filesystem {
  readonly uuid: string;
  /** Its label, any bytes but a newline; empty if it has none. */
  readonly label: Buffer;
  readonly mount: Mount;
  /** The mount shows the top level (subvolid=5), so it reaches every subvolume. */
  readonly wholeMounted: boolean;
  /** Bytes that can still be written, as the kernel estimates. */
  readonly freeBytes: number;
  readonly usedBytes: number;
  /** Bytes of a sector, on which clones begin and end. */
  readonly sectorSize: number;
  /** It may hold compressed extents: it is mounted with compression, or has used zstd or lzo. */
  readonly compressed: boolean;
}

/** BTRFS_SUPER_MAGIC, linux/magic.h. */
const btrfsMagic = 0x9123683en;

/** @throws {Failure} `not-found` if the path does not exist, `not-btrfs`, `btrfs-progs` */
export async function filesystemAt(path: Path): Promise<Filesystem> {
  const { bavail, bsize } = await assertBtrfs(path);
  const mount = await mountOf(path);
  const { stdout, ended } = await btrfs(['filesystem', 'show', '--raw', mount.mountPoint]);
  const text = stdout.toString('latin1');
  // A label, which comes before the UUID, can hold anything but a newline.
  const [, quoted, uuid] = /^Label: (.*) {2}uuid: ([0-9a-f-]{36})$/m.exec(text) ?? [];
  const usedBytes = Number(/^\s*Total devices \d+ FS bytes used (\d+)$/m.exec(text)?.[1]);
  if (ended.exitCode !== 0 || uuid === undefined || Number.isNaN(usedBytes)) {
    throw new Failure(
      'btrfs-progs',
      `btrfs filesystem show says nothing of ${printable(mount.mountPoint)}: ${complaint(ended)}`,
    );
  }
  return {
    uuid,
    // `none` stands for no label. One that is called so has quotes, as any other has.
    label: Buffer.from(/^'(.*)'$/.exec(quoted ?? '')?.[1] ?? '', 'latin1'),
    mount,
    wholeMounted: mount.root.equals(Buffer.from('/')),
    freeBytes: Number(bavail * bsize),
    usedBytes,
    sectorSize: Number(bsize),
    compressed: mount.options.some(makesCompressed) || (await hasCompressed(uuid)),
  };
}

function makesCompressed(option: string): boolean {
  return /^compress(-force)?=(?!no)/.test(option);
}

/**
 * The kernel marks a filesystem when zstd or lzo is first used in it, and shows the mark from the
 * next mount on. zlib existed from the beginning and leaves no mark.
 * (BTRFS_FEATURE_INCOMPAT_COMPRESS_* of linux/btrfs.h; fs/btrfs/sysfs.c)
 */
async function hasCompressed(uuid: string): Promise<boolean> {
  const features = await readdir(`/sys/fs/btrfs/${uuid}/features`).catch((): string[] => []);
  return features.includes('compress_zstd') || features.includes('compress_lzo');
}

/**
 * Checks that a path is on btrfs, and returns the figures of its filesystem.
 *
 * @throws {Failure} `not-found`, `not-btrfs`
 */
export async function assertBtrfs(path: Path): Promise<{ bavail: bigint; bsize: bigint }> {
  await assertExists(path);
  const figures = await statfs(path, { bigint: true });
  if (figures.type === btrfsMagic) return figures;
  const { fsType, mountPoint } = await mountOf(path);
  throw new Failure(
    'not-btrfs',
    `${printable(path)} is not on btrfs, but on ${fsType} mounted at ${printable(mountPoint)}`,
    {
      hint: 'name a path on a mounted btrfs, and check that it is mounted',
      where: { path: printable(path), expected: 'btrfs', found: fsType },
    },
  );
}

/** @throws {Failure} `not-found` */
async function assertExists(path: Path): Promise<void> {
  try {
    await stat(path);
  } catch (cause) {
    if (!isSystemError(cause)) throw cause;
    if (!isAbsence(cause)) {
      const code = /^(ELOOP|ENAMETOOLONG)$/.test(cause.code ?? '') ? 'not-found' : 'storage-failed';
      throw systemFailure(cause, { code, doing: 'cannot look at', path: printable(path) });
    }
    throw new Failure('not-found', `nothing is at ${printable(path)}`, {
      hint: 'check the path, and that its filesystem is mounted',
      where: { path: printable(path) },
      cause,
    });
  }
}
