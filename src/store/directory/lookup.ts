import type { Stats } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../../failure/failure.ts';
import { components } from '../components.ts';
import { statsAt } from './medium.ts';
import { type Place, pathOf } from './place.ts';

/** Examines a path without following a symbolic link; undefined if it cannot be examined. */
export function lookAt(path: string): Promise<Stats | undefined> {
  return statsAt(path).catch(() => undefined);
}

/** Refuses files that must not be opened: a named pipe blocks, and a device can do anything. */
export function refuseSpecial(place: Place, found: Stats | undefined): void {
  if (found === undefined || found.isFile() || found.isSymbolicLink()) return;
  throw new Failure('read-failed', `${pathOf(place)} is not a regular file`, {
    hint: 'this was not made by btrferry; do not trust it',
    where: place,
  });
}

/**
 * Examines a place in an archive and refuses a path that leads through a symbolic link.
 *
 * @param known directories that were examined before and need no second look; the ones that this
 *   call finds are added
 */
export async function lookUp(
  place: Place & { readonly archive: string },
  known = new Set<string>(),
): Promise<Stats | undefined> {
  let path = place.archive;
  let found: Stats | undefined;
  const parts = components(place);
  for (const [at, part] of parts.entries()) {
    path = join(path, part);
    if (at < parts.length - 1 && known.has(path)) continue;
    found = await lookAt(path);
    if (found?.isSymbolicLink()) {
      throw new Failure('read-failed', `${path} is a symbolic link, which no archive holds`, {
        hint: 'this was not made by btrferry; do not trust it',
        where: { archive: place.archive, file: parts.slice(0, at + 1).join('/') },
      });
    }
    if (found === undefined) return undefined;
    if (found.isDirectory()) known.add(path);
  }
  return found;
}
