import { execFileSync } from 'node:child_process';
import { cpSync, existsSync } from 'node:fs';
import path from 'node:path';
import { repository, tracked } from './structure/sources.ts';

/** Copies the working tree, with what was not committed yet, and without its history. */
export function checkOut(folder: string): void {
  for (const file of tracked('--cached', '--others', '--exclude-standard')) {
    const from = path.join(repository, file);
    // The vectors hold a symbolic link, which stays one.
    const options = { recursive: true, verbatimSymlinks: true };
    if (existsSync(from)) cpSync(from, path.join(folder, file), options);
  }
}

/** Copies the installed packages, which is quicker than `npm ci`. */
export function copyPackages(folder: string): void {
  const packages = path.join(repository, 'node_modules');
  execFileSync('cp', ['-a', '--reflink=auto', packages, folder]);
}
