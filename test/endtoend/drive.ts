import { execFileSync } from 'node:child_process';
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
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

function withExfat(): Drive | undefined {
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
    run('mount.exfat-fuse', device, mount);
    const remount = () => {
      run('umount', mount);
      run('mount.exfat-fuse', device, mount);
    };
    return { mount, remount };
  } catch {
    return undefined;
  }
}
