import { type Stats, statSync } from 'node:fs';
import { Failure } from '../failure/failure.ts';

/** Refuses an archive that is plainly something else, before anything is done with it. */
export function assertArchives(locations: readonly string[]): void {
  for (const location of locations) {
    const found = lookAt(location);
    if (found?.isBlockDevice()) throw device(location);
    if (found?.isFile() && !location.endsWith('.tar')) throw file(location);
  }
}

function device(location: string): Failure {
  return new Failure(
    'archive-unfit',
    `${location} is a block device, and an archive is a directory`,
    {
      hint: 'mount it, and name the directory that it is mounted on',
      where: { path: location },
    },
  );
}

function file(location: string): Failure {
  const stream = /\.btrfs(\.zst)?$|\.zst$/.test(location);
  return new Failure('usage', `${location} is a file, and an archive is a directory`, {
    hint: stream
      ? `look into one stream: btrferry inspect ${location}`
      : 'name the directory that holds btrferry.json',
    where: { path: location },
  });
}

/** What can't be looked at is for the operation to complain of. */
function lookAt(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}
