import { statSync } from 'node:fs';
import { Failure } from '../failure/failure.ts';

/** Refuses an archive that is plainly something else, before anything is done with it. */
export function assertArchives(locations: readonly string[]): void {
  for (const location of locations) {
    if (!isFile(location)) continue;
    if (location.endsWith('.tar')) continue;
    const stream = /\.btrfs(\.zst)?$|\.zst$/.test(location);
    throw new Failure('usage', `${location} is a file, and an archive is a directory`, {
      hint: stream
        ? `look into one stream: btrferry inspect ${location}`
        : 'name the directory that holds btrferry.json',
      where: { path: location },
    });
  }
}

/** What can't be looked at is for the operation to complain of. */
function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
