import { type Stats, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { Failure } from '../failure/failure.ts';
import { directoryStore } from './directory/directory.ts';
import { SCHEME } from './s3/place.ts';
import { s3Store } from './s3/s3-store.ts';
import type { Store, WritableStore } from './store.ts';
import { pipeStore } from './tar/pipe-store.ts';
import { tarStore } from './tar/tar-store.ts';

/** The kinds of places that an archive can be in. */
export type LocationKind = 'directory' | 'tar' | 'pipe' | 'object store';

/** The surroundings of a store. */
export interface Surroundings {
  /** Aborted when the operation is to stop. */
  readonly signal: AbortSignal;
  /** The pipe that the location `-` means. */
  readonly input: () => Readable;
}

/** How a store is written. */
export interface Writing {
  readonly signal: AbortSignal;
  /** Mode of the directories that it makes; by default that of the archive's own directories. */
  readonly mode?: number | undefined;
  /** Storage class of the parts of streams in an object store. */
  readonly storageClass?: string | undefined;
}

/** The kind of place that a location names. It need not exist. */
export function kindOf(location: string): LocationKind {
  if (location === '-') return 'pipe';
  if (location.startsWith(SCHEME)) return 'object store';
  return location.endsWith('.tar') && !lookAt(location)?.isDirectory() ? 'tar' : 'directory';
}

/**
 * Opens the archive at a location that the user typed, for reading.
 *
 * @throws {Failure} `usage`, `archive-unfit`
 */
export function storeAt(location: string, { signal, input }: Surroundings): Store {
  const kind = kindOf(location);
  if (kind === 'pipe') return pipeStore(input(), signal);
  return kind === 'tar' ? tarStore(location) : writableStoreAt(location, { signal });
}

/**
 * Opens the archive at a location that the user typed, for writing.
 *
 * @throws {Failure} `usage`, `archive-unfit`
 */
export function writableStoreAt(
  location: string,
  { signal, mode, storageClass }: Writing,
): WritableStore {
  const kind = kindOf(location);
  if (kind === 'pipe' || kind === 'tar') throw notWritable(location);
  if (kind === 'object store') return s3Store(location, { signal, storageClass });
  assertDirectoryLocation(location);
  return directoryStore(location, mode);
}

/** A text that two locations share only if they name one place. */
export function locationKey(location: string): string {
  return kindOf(location) === 'directory' || kindOf(location) === 'tar'
    ? resolve(location)
    : location.replace(/\/+$/, '');
}

function assertDirectoryLocation(location: string): void {
  if (location === '') {
    throw new Failure('usage', 'the name of an archive is empty', {
      hint: 'name a directory; a shell variable that is not set leaves nothing',
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

/** A tar file cannot grow, because its documents come before the data of its streams. */
function notWritable(location: string): Failure {
  const what = location === '-' ? 'a pipe takes' : `${location} is a tar file, which takes`;
  return new Failure('usage', `${what} a whole archive, and not one stream after another`, {
    hint: `export to a directory, then: btrferry copy DIRECTORY ${location}`,
    where: { archive: location },
  });
}

/** Returns undefined if the path cannot be examined: the store reports why when it is used. */
function lookAt(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}
