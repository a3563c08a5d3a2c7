import { isSystemError, systemFailure } from '../failure/system.ts';

/** Runs `action` on the file at `path`; a system error becomes a `read-failed` naming it. */
export async function reading<T>(
  path: string,
  action: () => Promise<T>,
  offset?: number,
): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw systemFailure(error, { code: 'read-failed', doing: 'cannot read', path, offset });
  }
}

/**
 * Runs `action` on the file at `path`; a system error becomes `no-space`, `archive-unfit` where
 * nothing can be written, or `storage-failed`.
 */
export async function writing<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (!isSystemError(error)) throw error;
    const code = error.code === 'EROFS' ? 'archive-unfit' : 'storage-failed';
    throw systemFailure(error, { code, doing: 'cannot write', path });
  }
}
