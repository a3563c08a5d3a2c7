import { Failure } from '../../failure/failure.ts';
import { kindOf, writableStoreAt } from '../../store/location.ts';
import type { WritableStore } from '../../store/store.ts';

/**
 * Opens an archive whose streams can get parity and be repaired by it: one in a directory.
 *
 * @throws {Failure} `usage`, `archive-unfit`
 */
export function repairableStoreAt(location: string, signal: AbortSignal): WritableStore {
  assertTakesParity(location);
  return writableStoreAt(location, { signal });
}

/** @throws {Failure} `usage` */
export function assertTakesParity(location: string): void {
  const kind = kindOf(location);
  if (kind === 'directory') return;
  const [what, hint] =
    kind === 'object store'
      ? ['an object store', 'a store keeps copies of its own; use parity on drives']
      : ['a tar file', 'copy it into a directory first: btrferry copy'];
  throw new Failure('usage', `${location} is ${what}, which takes no parity`, {
    hint,
    where: { archive: location },
  });
}
