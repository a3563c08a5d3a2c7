import type { Stats } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../failure/failure.ts';
import { statsAt } from './medium.ts';

/** What lies at a path itself; undefined where that can't be told. */
export function lookAt(path: string): Promise<Stats | undefined> {
  return statsAt(path).catch(() => undefined);
}

/** Opening a named pipe waits for its other end, and opening a device can do anything. */
export function refuseSpecial(path: string, found: Stats | undefined): void {
  if (found === undefined || found.isFile() || found.isSymbolicLink()) return;
  throw new Failure('read-failed', `${path} is no regular file`, {
    hint: 'this was not made by btrferry; do not trust it',
    where: { file: path },
  });
}

/**
 * What lies at a path below the archive's top, no component of which may be a symbolic link.
 * Directories on the way that are `known` are not looked at again; those that are found are added.
 */
export async function lookUp(
  top: string,
  parts: readonly string[],
  known = new Set<string>(),
): Promise<Stats | undefined> {
  let path = top;
  let found: Stats | undefined;
  for (const [at, part] of parts.entries()) {
    path = join(path, part);
    if (at < parts.length - 1 && known.has(path)) continue;
    found = await lookAt(path);
    if (found?.isSymbolicLink()) {
      throw new Failure('read-failed', `${path} is a symbolic link, which no archive holds`, {
        hint: 'this was not made by btrferry; do not trust it',
        where: { file: path },
      });
    }
    if (found === undefined) return undefined;
    if (found.isDirectory()) known.add(path);
  }
  return found;
}
