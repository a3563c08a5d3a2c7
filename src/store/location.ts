import { type Stats, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { Failure } from '../failure/failure.ts';
import { directoryStore } from './directory/directory.ts';
import type { ResumableStore, Store } from './store.ts';

/**
 * Opens the archive at a location that the user typed, for reading.
 *
 * @throws {Failure} `usage`, `archive-unfit`
 */
export function storeAt(location: string): Store {
  return writableStoreAt(location);
}

/**
 * Opens the archive at a location that the user typed, for writing.
 *
 * @param mode of the directories that it makes; by default that of the archive's own directories
 * @throws {Failure} `usage`, `archive-unfit`
 */
export function writableStoreAt(location: string, mode?: number): ResumableStore {
  assertDirectoryLocation(location);
  return directoryStore(location, mode);
}

/** A text that two locations share only if they name one place. */
export function locationKey(location: string): string {
  return resolve(location);
}

function assertDirectoryLocation(location: string): void {
  if (location === '') {
    throw new Failure('usage', 'the name of an archive is empty', {
      hint: 'name a directory; a shell variable that is not set leaves nothing',
    });
  }
  if (location === '-' || location.endsWith('.tar') || location.startsWith('s3://')) {
    throw new Failure('usage', `${location}: only directories can be archives so far`, {
      hint: 'export into a directory, and copy that with any tool: an archive is plain files',
      where: { archive: location },
    });
  }
  // A colon before any slash: `host:/path`, `user@host:path`, `sftp://host/path`.
  if (/^[^/]*:/.test(location)) {
    throw new Failure('usage', `${location} names another place than a directory of this machine`, {
      hint: `mount that place, and name the directory; one of this name here is ./${location}`,
      where: { archive: location },
    });
  }
  const found = lookAt(location);
  if (found?.isBlockDevice()) {
    throw new Failure(
      'archive-unfit',
      `${location} is a block device, and an archive is a directory`,
      {
        hint: 'mount it, and name the directory that it is mounted on',
        where: { archive: location },
      },
    );
  }
  if (found?.isFile()) {
    const isStream = /\.btrfs(\.zst)?$|\.zst$/.test(location);
    throw new Failure('usage', `${location} is a file, and an archive is a directory`, {
      hint: isStream
        ? `look into one stream: btrferry inspect ${location}`
        : 'name the directory that holds btrferry.json',
      where: { archive: location },
    });
  }
}

/** Returns undefined if the path cannot be examined: the store reports why when it is used. */
function lookAt(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}
