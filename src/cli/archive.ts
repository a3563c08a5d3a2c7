import { statSync } from 'node:fs';
import { Failure } from '../failure/failure.ts';

/** Refuses an archive that is plainly something else, before anything is done with it. */
export function assertArchives(locations: readonly string[]): void {
  for (const location of locations) {
    if (!statSync(location, { throwIfNoEntry: false })?.isFile()) continue;
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
