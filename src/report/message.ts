import { exit, Failure } from '../failure/failure.ts';
import { oneLine } from '../names/printable.ts';
import type { Style } from './style.ts';

/** A thrown value as people and JSON see it. */
export interface Description {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly where?: object;
  readonly exit: number;
  /** Where a defect was thrown, or what caused a failure; only with BTRFERRY_DEBUG. */
  readonly stack?: string;
}

/** Describes a thrown value. Anything but a {@link Failure} is a defect of this program. */
export function describe(error: unknown): Description {
  if (error instanceof Failure) {
    const { code, message, hint, where, exitCode, cause } = error;
    const debug =
      process.env.BTRFERRY_DEBUG && cause instanceof Error ? causeText(cause) : undefined;
    return {
      code,
      message,
      ...(hint === undefined ? {} : { hint }),
      where,
      exit: exitCode,
      ...(debug === undefined ? {} : { stack: debug }),
    };
  }
  const stack = error instanceof Error ? error.stack : undefined;
  const debug = process.env.BTRFERRY_DEBUG ? stack : undefined;
  return {
    code: 'internal',
    message: `internal error: ${error instanceof Error ? error.message : String(error)}`,
    hint: 'this is a defect of btrferry: please report it, with what BTRFERRY_DEBUG=1 adds to this',
    exit: exit.failed,
    ...(debug === undefined ? {} : { stack: debug }),
  };
}

/** The errors behind a failure, the nearest first. */
function causeText(cause: Error): string {
  const own = `caused by: ${cause.stack ?? cause.message}`;
  return cause.cause instanceof Error ? `${own}\n${causeText(cause.cause)}` : own;
}

/** `error: ...`, then `hint: ...`. */
export function errorLines(error: unknown, style: Style): string[] {
  const { message, hint, stack = '' } = describe(error);
  const trace = stack.split('\n').filter((line) => line !== '');
  return [...messageLines('error', message, hint, style.bad, style), ...trace.map(oneLine)];
}

export function warningLines(message: string, hint: string | undefined, style: Style): string[] {
  return messageLines('warning', message, hint, style.caution, style);
}

/** Puts a message and its hint each on one line, so that both can be searched for. */
export function messageLines(
  kind: string,
  message: string,
  hint: string | undefined,
  paint: (text: string) => string,
  style: Style,
): string[] {
  const all = [`${paint(`${kind}:`)} ${oneLine(message)}`];
  if (hint !== undefined) all.push(`${style.strong('hint:')} ${oneLine(hint)}`);
  return all;
}
