import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

const PREFIX = 'btrferry-bench-';

/** Throw-away filesystems, and a directory for files. Nothing of it stays after `close`. */
export interface Scene {
  /** A directory for files, on the filesystem where the images lie. */
  readonly directory: string;
  /** Where a filesystem of this name is mounted. */
  at(name: string): string;
  /** A fresh and empty btrfs, mounted with these options, in place of the one of this name. */
  btrfs(name: string, size: number, options?: string): void;
  /** Mounts a filesystem anew: nothing of it is in memory but the image. */
  remount(name: string, options?: string): void;
  /** Removes everything, and leaves an empty scene. */
  clear(): void;
  /** Removes everything. */
  close(): void;
}

/** Why there can be no scene here; undefined when there can. */
export function whyNoScene(): string | undefined {
  if (process.geteuid?.() !== 0) return 'mounting a btrfs takes root: sudo npm run bench';
  for (const program of ['mkfs.btrfs', 'zstd', 'losetup']) {
    if (!programs.some((directory) => existsSync(join(directory, program)))) {
      return `${program} is not installed: apt install btrfs-progs zstd mount`;
    }
  }
  if (!/\tbtrfs$/m.test(readFileSync('/proc/filesystems', 'latin1'))) {
    return 'the kernel has no btrfs: modprobe btrfs, or use another machine';
  }
  return existsSync('/dev/loop-control') ? undefined : 'there are no loop devices: modprobe loop';
}

/** Bytes of an image for so much data: room for metadata, which is there twice. */
export function imageSize(size: number): number {
  return Math.ceil(size * 1.5) + 2 ** 30;
}

const programs = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin'];

/** Makes a scene below `base`, and removes what a killed run left there. */
export function openScene(base: string): Scene {
  const top = realpathSync(base);
  for (const name of readdirSync(top)) {
    const pid = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) discard(join(top, name));
  }
  const scene = mkdtempSync(join(top, `${PREFIX}${process.pid}-`));
  const directory = join(scene, 'files');
  mkdirSync(directory);
  const image = (name: string) => join(scene, `${name}.img`);
  const at = (name: string) => join(scene, name);
  const remount = (name: string, options?: string) => {
    unmountBelow(at(name));
    run('mount', '-o', ['loop', options].filter(Boolean).join(','), image(name), at(name));
  };
  return {
    directory,
    at,
    btrfs(name, size, options) {
      unmountBelow(at(name));
      mkdirSync(at(name), { recursive: true });
      // Another file, not the same emptied: its loop device may not be gone yet.
      rmSync(image(name), { force: true });
      writeFileSync(image(name), '');
      truncateSync(image(name), size);
      run('mkfs.btrfs', '-q', image(name));
      remount(name, options);
    },
    remount,
    clear() {
      discard(scene);
      mkdirSync(directory, { recursive: true });
    },
    close: () => discard(scene),
  };
}

function discard(scene: string): void {
  unmountBelow(scene);
  rmSync(scene, { recursive: true, force: true });
}

/** Unmounts what is mounted at a path and below it. */
function unmountBelow(path: string): void {
  const mounts = readFileSync('/proc/self/mountinfo', 'latin1')
    .split('\n')
    .map((line) => (line.split(' ')[4] ?? '').replaceAll('\\040', ' '))
    .filter((mount) => mount === path || mount.startsWith(`${path}/`));
  for (const mount of mounts.reverse()) {
    try {
      run('umount', mount);
    } catch {
      // Something still looks at it; the name is free at once, the rest when that ends.
      run('umount', '-l', mount);
    }
  }
}

/** Runs a program to its end and gives what it printed. */
export function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, LC_ALL: 'C', PATH: programs.join(':') },
  });
}
