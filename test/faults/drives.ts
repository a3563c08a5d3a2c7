import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type MountedImage, withBtrfs, withExt4 } from '../filesystem.ts';

/** Drives that fail as drives do. Each is an image on a filesystem of its own, the host. */

export type DriveType = 'btrfs' | 'ext4';

export interface Drive {
  readonly mount: string;
  /** Unmounts and mounts it again, so that nothing of it is in memory. */
  remount(): Promise<void>;
  remove(): Promise<void>;
}

const MiB = 2 ** 20;
const SIZE = 384 * MiB;

/** A drive whose power can be cut. */
export interface PoweredDrive extends Drive {
  /** Keeps what is on the drive at this moment, and gives a name for it. */
  cut(): string;
  /** Mounts what was on the drive at a cut in place of what was mounted. */
  restore(cut: string): Promise<void>;
}

/**
 * The host is a btrfs: a reflink copy of the image holds what had reached the drive at one
 * moment, and lacks what was only in memory.
 */
export function withPoweredDrive(type: DriveType): PoweredDrive {
  const host = withBtrfs({ size: 8192 * MiB });
  const image = host.at('drive.img');
  const drive = mounting(host, type);
  let cuts = 0;
  format(type, image);
  drive.mountImage(image);
  return {
    ...drive,
    cut() {
      const name = host.at(`cut-${cuts++}.img`);
      run('cp', '--reflink=always', image, name);
      return name;
    },
    async restore(cut) {
      await drive.unmount();
      drive.mountImage(cut);
    },
  };
}

/** A drive that can be pulled out: from then on each read and write of it is an I/O error. */
export interface PluggedDrive extends Drive {
  pull(): void;
  /** Plugs it in again, and mounts it. */
  plug(): Promise<void>;
}

/** The host is an ext4, which can be shut down: all I/O on it fails until it is mounted again. */
export function withPluggedDrive(type: DriveType): PluggedDrive {
  const host = withExt4({ size: 2 * SIZE, mkfsOptions: ['-m', '0'] });
  const image = path.join(host.mount, 'drive.img');
  const drive = mounting(host, type);
  format(type, image);
  run('sync', '-f', image);
  drive.mountImage(image);
  return {
    ...drive,
    pull() {
      // EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH, linux/ext4.h
      const script = `open(F, '<', $ARGV[0]) or die; my $f = pack('L', 2); ioctl(F, 0x8004587d, $f) or die $!`;
      run('perl', '-e', script, host.mount);
      dropCaches();
    },
    async plug() {
      await drive.unmount();
      host.unmount();
      await detached(host.image);
      host.remount();
      drive.mountImage(image);
    },
  };
}

/** A drive of which only a part can be written to: beyond, the device reports errors. */
export interface WornDrive extends Drive {
  /** From here on all of it can be written to; mounts it anew. */
  repair(): Promise<void>;
}

/** The host has too little room for the image, which is sparse. */
export function withWornDrive(type: DriveType, writable: number): WornDrive {
  const host = withExt4({ size: 2 * SIZE, mkfsOptions: ['-m', '0'] });
  const image = path.join(host.mount, 'drive.img');
  const filler = path.join(host.mount, 'filler');
  const drive = mounting(host, type);
  format(type, image);
  const { bavail, bsize } = statfsSync(host.mount);
  run('fallocate', '-l', `${bavail * bsize - writable}`, filler);
  drive.mountImage(image);
  return {
    ...drive,
    async repair() {
      await drive.unmount();
      rmSync(filler);
      drive.mountImage(image);
    },
  };
}

/** Takes all room on a drive but some bytes. Gives what makes room again. */
export function fill(mount: string, leave: number): () => void {
  const file = path.join(mount, 'filler');
  const { bavail, bsize } = statfsSync(mount);
  run('fallocate', '-l', `${Math.max(bavail * bsize - leave, 4096)}`, file);
  return () => rmSync(file);
}

/** Writes to a file until there is not a block of room left. */
export function fillUp(file: string): void {
  const script = 'for s in 1M 4k 1; do while head -c $s /dev/zero >> "$1"; do :; done; done 2>&-';
  run('sh', '-c', `${script}; :`, 'sh', file);
  run('sync', '-f', file);
}

/** Reads come from the device again. */
export function dropCaches(): void {
  run('sync');
  writeFileSync('/proc/sys/vm/drop_caches', '3');
}

/** Unmounts a drive and mounts it again, with nothing of it left in memory. */
export async function remountCold(drive: MountedImage): Promise<void> {
  drive.unmount();
  await detached(drive.image);
  drive.remount();
  dropCaches();
}

/** Whether an image is mounted anywhere. */
export function isAttached(image: string): boolean {
  return run('losetup', '-n', '-O', 'NAME', '-j', image) !== '';
}

/** Waits until an image is mounted nowhere: an import of another test may keep it for a moment. */
async function detached(image: string): Promise<void> {
  while (isAttached(image)) await pause(10);
}

/** Mounts images that lie on a host; the fixture of the host unmounts them with it. */
function mounting(host: MountedImage, type: DriveType) {
  const mount = path.join(path.dirname(host.mount), 'drive');
  mkdirSync(mount);
  let mounted: string | undefined;
  const unmount = async () => {
    if (mounted === undefined) return;
    run('umount', mount);
    await detached(mounted);
    mounted = undefined;
  };
  const mountImage = (image: string) => {
    // A btrfs that is known by another device would be taken for that one.
    if (type === 'btrfs') run('btrfs', 'device', 'scan', '--forget');
    run('mount', '-o', 'loop', image, mount);
    mounted = image;
  };
  return {
    mount,
    unmount,
    mountImage,
    async remount() {
      const image = mounted as string;
      await unmount();
      mountImage(image);
    },
    async remove() {
      await unmount();
      host.remove();
    },
  };
}

const mkfs = { btrfs: ['mkfs.btrfs', '-q'], ext4: ['mkfs.ext4', '-q', '-F'] } as const;

/** Makes a sparse image with an empty filesystem. */
function format(type: DriveType, image: string): void {
  if (existsSync(image)) rmSync(image);
  writeFileSync(image, '');
  truncateSync(image, SIZE);
  const [program, ...args] = mkfs[type];
  run(program, ...args, image);
}

function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
