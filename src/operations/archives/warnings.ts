import { incomingDirectory } from '../../archive/layout.ts';
import type { Catalog } from '../../archive/read/catalog.ts';
import type { Emit } from '../../events/event.ts';
import type { Failure } from '../../failure/failure.ts';

/** Warns of archives whose header cannot be used. Their streams stand on their own. */
export function warnOfHeaders(catalogs: readonly Catalog[], emit: Emit): void {
  for (const { store, headerFailure } of catalogs) {
    if (headerFailure === undefined) continue;
    emit({
      type: 'warning',
      code: 'header-unusable',
      message: `${store.location}: ${headerFailure.message}`,
      hint: 'its streams stand on their own, and are taken as they are',
    });
  }
}

/** Warns of interrupted exports, because they do not count as streams. */
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

/** Warns of damaged receipts. Only what the archives lack is less certain without them. */
export function warnOfReceipts(damaged: readonly Failure[], emit: Emit): void {
  for (const { message } of damaged) {
    emit({
      type: 'warning',
      code: 'manifest-unusable',
      message,
      hint: 'this receipt is left aside; the next import writes a new one',
    });
  }
}
