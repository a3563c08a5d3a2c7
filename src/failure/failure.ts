/**
 * A closed set of failures that are not defects of this program, each with its exit code. Any other
 * error that is thrown is a defect, and is reported as one.
 */

/** Exit codes. The help of every command refers to them. */
export const exit = {
  done: 0,
  failed: 1,
  usage: 2,
  partial: 3,
  damaged: 4,
  missing: 5,
  unable: 6,
  interrupted: 130,
} as const;

export type ExitCode = (typeof exit)[keyof typeof exit];

/** Every kind of failure. Codes never change, because scripts read them from `--json`. */
export const failureExit = {
  usage: exit.usage,
  interrupted: exit.interrupted,

  // The bytes of a stream, a part or a manifest are not what they should be.
  'stream-malformed': exit.damaged,
  'stream-truncated': exit.damaged,
  'stream-checksum': exit.damaged,
  'stream-unsafe-path': exit.damaged,
  'stream-differs-from-manifest': exit.damaged,
  'frame-damaged': exit.damaged,
  'seek-table-damaged': exit.damaged,
  'part-missing': exit.damaged,
  'part-damaged': exit.damaged,
  'manifest-damaged': exit.damaged,
  'stream-incomplete': exit.damaged,
  'archive-damaged': exit.damaged,
  'parity-damaged': exit.damaged,
  'beyond-repair': exit.damaged,

  // Something newer than this program.
  'stream-version': exit.unable,
  'format-version': exit.unable,
  'format-feature': exit.unable,

  // The archive and its medium.
  'not-an-archive': exit.unable,
  'archive-locked': exit.unable,
  'archive-unfit': exit.unable,
  'archive-conflict': exit.failed,
  'stream-removed': exit.failed,
  'access-denied': exit.unable,
  'cold-storage': exit.unable,
  'no-space': exit.unable,
  'storage-failed': exit.failed,
  'read-failed': exit.damaged,

  // Requirements.
  'parent-missing': exit.missing,
  'medium-missing': exit.missing,
  'not-found': exit.usage,
  'destination-unknown': exit.usage,

  // This machine, the source, the destination.
  'not-root': exit.unable,
  'not-btrfs': exit.unable,
  'not-a-subvolume': exit.unable,
  'not-read-only': exit.unable,
  'not-genuine': exit.unable,
  'btrfs-progs': exit.unable,
  'parent-changed': exit.unable,
  'copy-differs': exit.unable,
  'destination-unfit': exit.unable,
  'destination-busy': exit.unable,
  'send-failed': exit.failed,
  'receive-failed': exit.failed,
  'proof-failed': exit.failed,
} as const satisfies Record<string, ExitCode>;

export type FailureCode = keyof typeof failureExit;

/** Failures that concern a whole medium or run, and not the file that was being read. */
const NOT_OF_A_FILE: ReadonlySet<FailureCode> = new Set([
  'interrupted',
  'storage-failed',
  'stream-removed',
  'not-root',
  'access-denied',
  'archive-unfit',
]);

/**
 * Returns a failure that concerns the file that was being read, such as damage. Throws any other
 * error: a medium that is gone says nothing of one file.
 */
export function failureOfFile(error: unknown): Failure {
  if (error instanceof Failure && !NOT_OF_A_FILE.has(error.code)) return error;
  throw error;
}

/** The place of a failure. Fields that do not apply are absent. */
export interface Where {
  /** The archive that holds the file, as the user named it. */
  readonly archive?: string;
  /** Path of a file or directory in the archive; without an archive, a path on this machine. */
  readonly file?: string;
  /** Bytes from the start of the file or stream that `file` or the message names. */
  readonly offset?: number;
  readonly uuid?: string;
  readonly path?: string;
  readonly expected?: string;
  readonly found?: string;
}

/**
 * An expected failure, with its place and advice. It has no stack trace, because nobody is shown
 * one, and because a stack trace keeps objects alive while many failures are collected.
 */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly code: FailureCode;
  /** Advice in one sentence; undefined if there is none. */
  readonly hint: string | undefined;
  readonly where: Where;

  constructor(
    code: FailureCode,
    message: string,
    options: { hint?: string; where?: Where; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.where = options.where ?? {};
    this.stack = `${this.name}: ${message}`;
  }

  get exitCode(): ExitCode {
    return failureExit[this.code];
  }

  /**
   * Copies this failure with other words, or with more about its place. This failure becomes the
   * cause.
   */
  amended({ message, hint, where }: { message?: string; hint?: string; where?: Where }): Failure {
    const advice = hint ?? this.hint;
    return new Failure(this.code, message ?? this.message, {
      ...(advice === undefined ? {} : { hint: advice }),
      where: { ...this.where, ...where },
      cause: this,
    });
  }
}
