import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { withDirectory, withVfat } from '../filesystem.ts';

/** A drive as people buy it. */
export interface Drive {
  readonly mount: string;
  /** Takes it out and puts it in again. */
  readonly remount: () => void;
}

/**
 * A FAT drive where the kernel has FAT; else an exFAT drive through FUSE, where that is
 * installed (exfat-fuse, exfatprogs). Undefined where neither can be had.
 */
export function withDrive(): Drive | undefined {
  try {
    return withVfat({ size: 128 * 2 ** 20 });
  } catch {
    return withExfat();
  }
}

/** An exFAT drive whose driver is a process. */
export interface ExfatDrive extends Drive {
  /** Ends the driver, as a fault in it would. */
  readonly kill: () => void;
}

/** An exFAT drive in FUSE. Undefined where exfat-fuse or exfatprogs is not installed. */
export function withExfat(): ExfatDrive | undefined {
  const directory = withDirectory();
  const image = path.join(directory, 'exfat.img');
  const mount = path.join(directory, 'mount');
  mkdirSync(mount);
  writeFileSync(image, '');
  truncateSync(image, 128 * 2 ** 20);
  const run = (program: string, ...args: string[]) =>
    execFileSync(program, args, { stdio: ['ignore', 'pipe', 'pipe'] }).toString();
  try {
    run('mkfs.exfat', image);
    const device = run('losetup', '-f', '--show', image).trim();
    const mountIt = () => run('mount.exfat-fuse', device, mount);
    mountIt();
    const remount = () => {
      run('umount', mount);
      mountIt();
    };
    return { mount, remount, kill: () => killDriver(mount) };
  } catch {
    return undefined;
  }
}

function killDriver(mount: string): void {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const [driver, ...args] = commandOf(pid);
    if (driver === 'mount.exfat-fuse' && args.includes(mount)) process.kill(Number(pid), 'SIGKILL');
  }
}

function commandOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}
