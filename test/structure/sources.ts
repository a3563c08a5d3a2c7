import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';

/** Top of the repository. */
export const repository = path.resolve(import.meta.dirname, '../..');

/** TypeScript files below a folder of the repository, as paths from its top. */
export function sources(folder = 'src'): string[] {
  return readdirSync(path.join(repository, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => path.join(folder, file));
}

/** The files that git tracks, or those that options of `git ls-files` select. */
export function tracked(...options: string[]): string[] {
  // The checkout may belong to another user.
  const git = ['-c', 'safe.directory=*', 'ls-files', '-z', ...options];
  const files = execFileSync('git', git, { cwd: repository, encoding: 'utf8' });
  return files.split('\0').filter((name) => name !== '');
}
