import { execFileSync } from 'node:child_process';
import { cpSync, existsSync } from 'node:fs';
import path from 'node:path';
import { repository } from './structure/sources.ts';

/** Copies the working tree, with what was not committed yet, and without its history. */
export function checkOut(folder: string): void {
  const git = ['-c', 'safe.directory=*', 'ls-files', '-z', '-co', '--exclude-standard'];
  const files = execFileSync('git', git, { cwd: repository, encoding: 'utf8' });
  for (const file of files.split('\0').filter((name) => name !== '')) {
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
