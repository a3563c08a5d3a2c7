import { Failure, type FailureCode, type Where } from './failure.ts';

/** An error of the operating system, as Node.js throws it. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  if (!(error instanceof Error)) return false;
  const { syscall, code = '', errno } = error as NodeJS.ErrnoException;
  return syscall !== undefined && (/^E[A-Z0-9]+$/.test(code) || errno === -EDQUOT);
}

/** The quota of a filesystem is used up. Node.js has no name for this error. */
const EDQUOT = 122;

/** Reports whether an error means that a file does not exist, rather than that a medium fails. */
export function isAbsence(error: unknown): boolean {
  return isSystemError(error) && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}

/** The action that failed, and its file. */
export interface Attempt {
  /** The code of the failure, unless the disk is full or root is needed. */
  readonly code: FailureCode;
  /** For example `cannot read`. */
  readonly doing: string;
  /** Path of the file, for the message. */
  readonly path: string;
  /** The place of the failure; by default, the file at `path`. */
  readonly where?: Where;
}

/**
 * Turns an error of the operating system into a failure. Does not keep the error, because it says
 * nothing more than its code.
 */
export function systemFailure(error: NodeJS.ErrnoException, attempt: Attempt): Failure {
  const { code, doing, path, where = { file: path } } = attempt;
  const { offset } = where;
  const errno = error.errno === -EDQUOT ? 'EDQUOT' : (error.code ?? '');
  if (errno === 'ENOSPC' || errno === 'EDQUOT') {
    return new Failure('no-space', `no space left while writing ${path}`, {
      hint: 'free some space or use another drive, then run the same command again',
      where,
    });
  }
  const place = offset === undefined ? '' : ` at byte ${offset}`;
  const forbidden = errno === 'EACCES' || errno === 'EPERM';
  const needsRoot = forbidden && process.geteuid?.() !== 0;
  const hint = needsRoot ? 'run the same command with sudo' : hints[errno];
  return new Failure(
    needsRoot ? 'not-root' : code,
    `${doing} ${path}${place}: ${reasons[errno] ?? errno}`,
    {
      ...(hint === undefined ? {} : { hint }),
      where,
    },
  );
}

const reasons: Record<string, string> = {
  EACCES: 'permission denied',
  EFBIG: 'the file grew too large for this filesystem',
  EIO: 'the medium reports an I/O error',
  ELOOP: 'a symbolic link stands in the way',
  EMFILE: 'too many files are open',
  ENAMETOOLONG: 'its name is too long',
  ENODEV: 'the medium is gone',
  ENOENT: 'it is not there',
  ENOTCONN: 'the driver of this filesystem has ended',
  ENOTDIR: 'a component of its path is not a directory',
  ENXIO: 'the medium is gone',
  EPERM: 'not permitted',
  EROFS: 'the filesystem is mounted read-only',
};

const hints: Record<string, string> = {
  EACCES: 'root itself may not: on a network or in FUSE, only the user who mounted it may',
  EIO: 'check the drive and its cable; if it stays, copy what can be read to another drive',
  ELOOP: 'name the place that it leads to; an archive of btrferry holds none',
  EMFILE: 'raise the limit on open files: ulimit -n 1024',
  ENODEV: 'connect and mount the drive, then run the same command again',
  ENOENT: 'check that the drive is mounted; a file that is gone has to come from another copy',
  ENOTCONN: 'unmount the drive, mount it again, then run the same command again',
  ENOTDIR: 'check the path; no archive of btrferry is like that',
  ENXIO: 'connect and mount the drive, then run the same command again',
  EROFS: 'remount it read-write; a filesystem that turned read-only by itself needs a check',
};
