import type { ExitCode } from '../failure/failure.ts';

/** The last event of a command that did its work. The facts that each command adds are its own. */
export interface ResultOf<Command extends string> {
  readonly type: 'result';
  readonly command: Command;
  readonly exit: ExitCode;
}
