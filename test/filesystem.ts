/**
 * Real filesystems for tests: images in the temporary directory, mounted by loop device.
 *
 * Each fixture is removed after its test, all of them when the process is interrupted, and those of
 * a killed run by the next run.
 */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statfsSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, onTestFinished, vi } from 'vitest';

export { describeTree } from './btrfs/tree.ts';

const prefix = 'btrferry-test-';

/** TMPFS_MAGIC, linux/magic.h. */
const tmpfsMagic = 0x01021994;

/** Where fixtures lie. An export refuses to make an archive in memory. */
const temporary = realpathSync(
  statfsSync(os.tmpdir()).type === tmpfsMagic ? '/var/tmp' : os.tmpdir(),
);

/** A mounted image. */
export interface MountedImage {
  readonly image: string;
  readonly mount: string;
  /** The loop device, while mounted. */
  readonly device: string;
  unmount(): void;
  /** Unmounts if need be, and mounts with these options (default: those of before). */
  remount(options?: string): void;
  /**
   * Unmounts and deletes the image. Happens by itself when the test is finished; made in
   * `beforeAll`, the fixture is to be removed in `afterAll`.
   */
  remove(): void;
}

/** A mounted btrfs; names are relative to the mount point. */
export interface Btrfs extends MountedImage {
  /** Makes a subvolume and gives its path. */
  subvolume(name: string | Buffer): string;
  /** Makes a snapshot, read-only unless told otherwise, and gives its path. */
  snapshot(from: string, to: string | Buffer, options?: { writable?: boolean }): string;
  /** The path of a name. */
  at(name: string): string;
}

export interface ImageOptions {
  /** Bytes of the image, which is sparse. */
  readonly size?: number;
  readonly mkfsOptions?: readonly string[];
  /** As for `mount -o`. */
  readonly mountOptions?: string;
}

const MiB = 2 ** 20;

/** Why images can't be mounted here; undefined when they can. */
export const cannotMount: string | undefined = whyNot();
const canMount = cannotMount === undefined;

/**
 * A `describe` for tests on real filesystems: skipped, with the reason in its name, where none
 * can be mounted; with CI=true that is an error instead.
 */
export function describeReal(name: string, tests: () => void): void {
  if (process.env.BTRFERRY_TESTS === 'unit') {
    describe.skip(`${name} (skipped: unit tests only)`, tests);
    return;
  }
  if (canMount) {
    describe(name, tests);
    return;
  }
  if (process.env.CI === 'true') throw new Error(`${name}: ${cannotMount}`);
  describe.skip(`${name} (skipped: ${cannotMount})`, tests);
}

/** Makes and mounts a btrfs of 512 MiB or the given size. */
export function withBtrfs(options: ImageOptions = {}): Btrfs {
  const mounted = withImage('btrfs', ['mkfs.btrfs', '-q'], { size: 512 * MiB, ...options });
  const at = (name: string) => path.join(mounted.mount, name);
  return Object.assign(mounted, {
    at,
    subvolume(name: string | Buffer) {
      btrfsAt(mounted.mount, name, ['-q', 'subvolume', 'create']);
      return at(String(name));
    },
    snapshot(from: string, to: string | Buffer, { writable = false } = {}) {
      const kind = writable ? [] : ['-r'];
      btrfsAt(mounted.mount, to, ['-q', 'subvolume', 'snapshot', ...kind, at(from)]);
      return at(String(to));
    },
  });
}

/** Runs `btrfs ARGS... DIRECTORY/NAME`; a name of bytes goes through a shell's printf. */
function btrfsAt(directory: string, name: string | Buffer, args: string[]): void {
  const octal = [...Buffer.from(name)].map((byte) => `\\0${byte.toString(8).padStart(3, '0')}`);
  const script = `d=$1; n=$(printf %b "$2."); shift 2; exec btrfs "$@" "$d/\${n%.}"`;
  run('sh', '-c', script, 'sh', directory, octal.join(''), ...args);
}

/** Makes and mounts a FAT filesystem, as USB drives have it. */
export function withVfat(options: ImageOptions = {}): MountedImage {
  return withImage('vfat', ['mkfs.vfat'], { size: 64 * MiB, ...options });
}

/** Makes and mounts an ext4: what is not btrfs, and can be full. */
export function withExt4(options: ImageOptions = {}): MountedImage {
  return withImage('ext4', ['mkfs.ext4', '-q', '-F'], { size: 64 * MiB, ...options });
}

/** A directory, deleted when the test is finished. */
export function withDirectory(): string {
  return place();
}

/**
 * A program in front of the system's own until the test is finished, as an old or broken one
 * would behave: a shell script, to which `$real` is the path of the own one.
 */
export function withProgram(name: string, script: string): void {
  const programs = place();
  const real = run('sh', '-c', `command -v ${name}`).trim();
  const text = `#!/bin/sh\nreal='${real}'\n${script}\n`;
  writeFileSync(path.join(programs, name), text, { mode: 0o755 });
  vi.stubEnv('PATH', `${programs}:${process.env.PATH}`);
  onTestFinished(() => void vi.unstubAllEnvs());
}

function withImage(
  type: string,
  mkfs: readonly [string, ...string[]],
  options: ImageOptions & { size: number },
): MountedImage {
  const directory = place();
  const image = path.join(directory, `${type}.img`);
  const mount = path.join(directory, 'mount');
  mkdirSync(mount);
  writeFileSync(image, '');
  truncateSync(image, options.size);
  const [program, ...args] = mkfs;
  run(program, ...args, ...(options.mkfsOptions ?? []), image);

  let mountOptions = options.mountOptions;
  const unmount = () => {
    // An import in another test has a copy of every mount, and may be looking at this one.
    if (mountedBelow(directory).includes(mount)) patiently(() => run('umount', mount), 2);
    // Mounted again while such a copy is there, it would keep the options that it had.
    const gone = () => {
      if (attempt('losetup', '-j', image) !== '') throw new Error(`${image} is busy`);
    };
    try {
      patiently(gone, 2);
    } catch {
      // It may have been unmounted lazily, with something open.
    }
  };
  const remount = (given?: string) => {
    unmount();
    mountOptions = given ?? mountOptions;
    const options = ['loop', mountOptions].filter(Boolean).join(',');
    patiently(() => run('mount', '-o', options, image, mount));
    // As systemd has it: what is unmounted is not kept by an import that runs in another test.
    run('mount', '--make-shared', mount);
  };
  const remove = () => discard(directory);
  remount();
  return {
    image,
    mount,
    get device() {
      return run('findmnt', '-n', '-o', 'SOURCE', '--mountpoint', mount).replace(/\[.*|\n/g, '');
    },
    unmount,
    remount,
    remove,
  };
}

const places = new Set<string>();

/** A fresh directory whose name tells which process it belongs to. */
function place(): string {
  const directory = mkdtempSync(path.join(temporary, `${prefix}${process.pid}-`));
  places.add(directory);
  try {
    onTestFinished(() => discard(directory));
  } catch {
    // Not within a test, but in a hook: the process's end is the latest.
  }
  return directory;
}

/** Unmounts whatever is mounted below, frees its loop devices, and deletes it. */
function discard(directory: string): void {
  for (const mount of mountedBelow(directory).reverse()) attempt('umount', '-l', mount);
  const images = existsSync(directory) ? readdirSync(directory) : [];
  for (const image of images.filter((name) => name.endsWith('.img'))) {
    const loops = attempt('losetup', '-n', '-O', 'NAME', '-j', path.join(directory, image));
    for (const loop of loops.split('\n').filter(Boolean)) attempt('losetup', '-d', loop);
  }
  // A mount that could not be undone must not be emptied.
  if (mountedBelow(directory).length === 0) rmSync(directory, { recursive: true, force: true });
  places.delete(directory);
}

function mountedBelow(directory: string): string[] {
  return readFileSync('/proc/self/mountinfo', 'latin1')
    .split('\n')
    .map((line) => (line.split(' ')[4] ?? '').replaceAll('\\040', ' '))
    .filter((mount) => mount.startsWith(`${directory}/`));
}

/** Removes what processes left that no longer run. */
function discardStale(): void {
  for (const name of readdirSync(temporary)) {
    const pid = Number(new RegExp(`^${prefix}(\\d+)-`).exec(name)?.[1]);
    if (pid > 0 && !runs(pid)) discard(path.join(temporary, name));
  }
}

function runs(pid: number): boolean {
  try {
    // A zombie is gone, only nobody has asked for its exit code.
    return !/^State:\s*[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
  } catch {
    return false;
  }
}

function whyNot(): string | undefined {
  if (process.geteuid?.() !== 0) return 'mounting needs root';
  const sysAdmin = 1n << 21n;
  const capabilities = /^CapEff:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1];
  if ((BigInt(`0x${capabilities ?? 0}`) & sysAdmin) === 0n) return 'mounting is not allowed here';
  if (attempt('mkfs.btrfs', '--version') === '') return 'btrfs-progs is not installed';
  const known = readFileSync('/proc/filesystems', 'latin1');
  if (!/\tbtrfs$/m.test(known)) return 'the kernel has no btrfs';
  return existsSync('/dev/loop-control') ? undefined : 'there are no loop devices';
}

/** A mount that was just undone may live on for a moment in another process's namespace. */
function patiently(action: () => void, seconds = 10): void {
  for (let left = 4 * seconds; ; left--) {
    try {
      action();
      return;
    } catch (error) {
      if (left === 0 || !/busy/.test(String(error))) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 250);
    }
  }
}

function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function attempt(program: string, ...args: string[]): string {
  try {
    return run(program, ...args);
  } catch {
    return '';
  }
}

if (canMount) discardStale();
process.on('exit', () => {
  for (const directory of places) discard(directory);
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => process.exit(130));
}
