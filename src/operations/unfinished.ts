import type { Catalog } from '../archive/catalog.ts';
import { incomingDirectory } from '../archive/layout.ts';
import type { Emit } from './event.ts';

/** What an interrupted export left is no stream, and would be missed without a word. */
export function warnOfUnfinished(catalogs: readonly Catalog[], emit: Emit): void {
  for (const { store, unfinished } of catalogs) {
    for (const directory of unfinished) {
      emit({
        type: 'warning',
        code: 'unfinished',
        message: `the export of ${directory} to ${store.location} is not finished`,
        hint: `it is left aside; the same export again finishes it, or if its snapshot is gone, delete ${incomingDirectory(directory)} there`,
      });
    }
  }
}
