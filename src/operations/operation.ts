import type { Emit, Result } from './event.ts';

/** What every operation is given besides its options. */
export interface Deps {
  readonly emit: Emit;
  /** Aborted on SIGINT and SIGTERM: the operation stops, cleans up and throws `interrupted`. */
  readonly signal: AbortSignal;
}

/**
 * An operation: resolves to its result, which the caller emits last; throws a Failure where it
 * could not do its work at all.
 */
export type Operation<Options> = (options: Options, deps: Deps) => Promise<Result>;
