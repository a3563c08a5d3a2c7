import { expect } from 'vitest';
import type { Event, Result } from '../../src/events/event.ts';
import { Failure } from '../../src/failure/failure.ts';
import { runImport } from '../../src/operations/import/run.ts';
import type { Context } from '../../src/operations/operation.ts';
import { runVerify } from '../../src/operations/verify/run.ts';
import { reporterFor } from '../../src/report/choose.ts';
import { describe } from '../../src/report/message.ts';
import { contextWith } from '../operations/context.ts';
import { capture } from '../report/capture.ts';

/** How an operation on a hostile archive ended, and all that it said. */
export interface Ended {
  readonly exit: number;
  /** The refusals, and the failure that ended it. */
  readonly failures: readonly Failure[];
  readonly events: readonly Event[];
  /** The lines for people. */
  readonly lines: readonly string[];
}

export const importInto = (archive: string, into: string, more: { dryRun?: boolean } = {}) =>
  attempt('import', (context) =>
    runImport(
      {
        archives: [archive],
        into,
        only: [],
        template: undefined,
        again: false,
        partial: false,
        dryRun: false,
        ...more,
      },
      context,
    ),
  );

export const verify = (archive: string, quick = false) =>
  attempt('verify', (context) => runVerify({ archives: [archive], quick }, context));

/**
 * Runs an operation with the reporters for people and for programs at once. It fails the test for
 * an error that is a defect, and for any line that a terminal would not show as it stands.
 */
export async function attempt(
  command: string,
  operation: (context: Context) => Promise<Result>,
): Promise<Ended> {
  const [people, program] = [capture(), capture()];
  const reporters = [
    reporterFor(people, { json: false, quiet: false }),
    reporterFor(program, { json: true, quiet: false }),
  ];
  const events: Event[] = [];
  const failures: Failure[] = [];
  const emit = (event: Event) => {
    events.push(event);
    failures.push(...failuresIn(event));
    for (const reporter of reporters) reporter.emit(event);
  };
  let exit: number;
  try {
    const result = await operation(contextWith(emit));
    emit(result);
    exit = result.exit;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    failures.push(error);
    for (const reporter of reporters) reporter.failed(command, error);
    exit = describe(error).exit;
  }
  const lines = [...people.outLines, ...people.errLines];
  for (const line of [...lines, ...program.outLines, ...program.errLines]) {
    expect(line).not.toMatch(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]/u);
  }
  expect(lines.join('\n')).not.toContain('internal error');
  return { exit, failures, events, lines };
}

function failuresIn(event: Event): readonly Failure[] {
  switch (event.type) {
    case 'stream-refused':
      return [event.failure];
    case 'import-planned':
      return event.refused.map(({ failure }) => failure);
    case 'stream-verified':
      return event.failures;
    default:
      return [];
  }
}
