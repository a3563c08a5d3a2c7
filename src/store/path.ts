import { Failure } from '../failure/failure.ts';

/**
 * The components of a path in a store; the empty path has none. Refuses, as `read-failed`,
 * every path that could lead out of the store.
 */
export function components(path: string): string[] {
  if (path === '') return [];
  const parts = path.split('/');
  for (const part of parts) {
    if (part === '' || part === '.' || part === '..' || part.includes('\0')) {
      throw new Failure('read-failed', `the path ${JSON.stringify(path)} leaves the archive`, {
        hint: 'this was not made by btrferry; do not trust it',
        where: { path },
      });
    }
  }
  return parts;
}
