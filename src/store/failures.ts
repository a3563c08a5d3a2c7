import { Failure, type FailureCode } from '../failure/failure.ts';

/** Runs `action` on the file at `path`; a system error becomes a `read-failed` naming it. */
export function reading<T>(path: string, action: () => Promise<T>, offset?: number): Promise<T> {
  return naming('read-failed', 'cannot read', path, action, offset);
}

/** Runs `action` on the file at `path`; a system error becomes `no-space` or `storage-failed`. */
export function writing<T>(path: string, action: () => Promise<T>): Promise<T> {
  return naming('storage-failed', 'cannot write', path, action);
}

async function naming<T>(
  code: FailureCode,
  doing: string,
  path: string,
  action: () => Promise<T>,
  offset?: number,
): Promise<T> {
  try {
    return await action();
  } catch (error) {
    const errno = (error as NodeJS.ErrnoException).code;
    if (error instanceof Failure || errno === undefined) throw error;
    const where = offset === undefined ? { file: path } : { file: path, offset };
    if (errno === 'ENOSPC' || errno === 'EDQUOT') {
      throw new Failure('no-space', `no space left while writing ${path}`, {
        hint: 'make room or use another drive, then run the same command again',
        where,
        cause: error,
      });
    }
    const reason = reasons[errno] ?? errno;
    const place = offset === undefined ? '' : ` at byte ${offset}`;
    throw new Failure(code, `${doing} ${path}${place}: ${reason}`, {
      ...(hints[errno] === undefined ? {} : { hint: hints[errno] }),
      where,
      cause: error,
    });
  }
}

const reasons: Record<string, string> = {
  EACCES: 'permission denied',
  EFBIG: 'the file grew too large for this filesystem',
  EIO: 'the medium reports an I/O error',
  ELOOP: 'it is a symbolic link, which no archive holds',
  ENODEV: 'the medium is gone',
  ENOENT: 'it is not there',
  ENOTDIR: 'a component of its path is not a directory',
  EPERM: 'not permitted',
  EROFS: 'the filesystem is mounted read-only',
  ENXIO: 'the medium is gone',
};

const hints: Record<string, string> = {
  ELOOP: 'this was not made by btrferry; do not trust it',
  ENOENT: 'check that the drive is mounted; a file that is gone has to come from another copy',
  ENOTDIR: 'this was not made by btrferry; do not trust it',
  EIO: 'check the drive and its cable; if it stays, copy what can be read to another drive',
  ENODEV: 'connect and mount the drive, then run the same command again',
  ENXIO: 'connect and mount the drive, then run the same command again',
  EROFS: 'remount it read-write; a filesystem that turned read-only by itself needs a check',
  EACCES: 'run it as root',
};
