import { isSystemError, systemFailure } from '../../failure/system.ts';
import type { Place } from './place.ts';
import { pathOf } from './place.ts';

/** Runs `action` on a file. A system error becomes a `read-failed` that names the file. */
export async function reading<T>(
  place: Place,
  action: () => Promise<T>,
  offset?: number,
): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw systemFailure(error, {
      code: 'read-failed',
      doing: 'cannot read',
      path: pathOf(place),
      where: { ...place, ...(offset === undefined ? {} : { offset }) },
    });
  }
}

/**
 * Runs `action` on a file. A system error becomes `no-space`, `archive-unfit` if the filesystem is
 * read-only, or `storage-failed`.
 */
export async function writing<T>(place: Place, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw systemFailure(error, {
      code: error.code === 'EROFS' ? 'archive-unfit' : 'storage-failed',
      doing: 'cannot write',
      path: pathOf(place),
      where: place,
    });
  }
}
