import type { Readable, Writable } from 'node:stream';
import type { Emit, Result } from '../events/event.ts';
import type { Ledger } from '../ledger/ledger.ts';

/** The surroundings of an operation. */
export interface Context {
  /** Takes the events of the operation. */
  readonly emit: Emit;
  /**
   * Aborted on SIGINT and SIGTERM, with a Failure `interrupted` as the reason. The operation stops,
   * cleans up and throws that reason.
   */
  readonly signal: AbortSignal;
  /** Data for the operation, such as a send stream on stdin. Throws `usage` if it is a terminal. */
  readonly input: () => Readable;
  /** Takes data that the operation makes, such as an archive on stdout. Throws `usage` if it is a terminal. */
  readonly output: () => Writable;
  /** The receipts that this machine remembers. */
  readonly ledger: Ledger;
  /**
   * Asks a person a question, and returns the line that they type, or undefined if they end the
   * input instead. Undefined itself without a terminal.
   */
  readonly ask: ((question: string) => Promise<string | undefined>) | undefined;
}

/**
 * An operation. Its caller emits the result that it returns.
 *
 * @throws {Failure} if it could not do its work at all
 */
export type Operation<Options, R extends Result> = (
  options: Options,
  context: Context,
) => Promise<R>;
