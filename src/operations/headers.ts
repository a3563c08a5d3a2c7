import type { Catalog } from '../archive/catalog.ts';
import type { Emit } from './event.ts';

/** An archive's streams stand on their own, also where its header can't be used. */
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
