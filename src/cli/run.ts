import type { Result } from '../events/event.ts';
import { exit, Failure } from '../failure/failure.ts';
import { isSystemError, systemFailure } from '../failure/system.ts';
import type { Context } from '../operations/operation.ts';
import { onProgram } from '../process/trace.ts';
import { personAt } from '../report/ask.ts';
import { dataInput, dataOutput } from '../report/data.ts';
import { errorLines, tell } from '../report/message.ts';
import { standardOutput } from '../report/output.ts';
import { assertTextArguments } from './arguments.ts';
import { programLine } from './debug.ts';

/** Options that every command has. */
export interface CommonOptions {
  readonly json?: true;
  readonly quiet?: true;
}

/**
 * Runs one operation to its end and sets the exit code of the process. The first SIGINT or
 * SIGTERM asks the operation to stop; the second ends the process at once.
 */
export async function run(
  command: string,
  options: CommonOptions,
  operation: (context: Context) => Promise<Result>,
): Promise<void> {
  const stop = new AbortController();
  const interrupted = new Failure('interrupted', 'interrupted', afterwards(command));
  /** Set when stdout takes no more: false where nobody reads on, else why. */
  let lost: Failure | false | undefined;
  const output = await standardOutput((failure) => {
    lost = failure ?? false;
    stop.abort(interrupted);
  });
  if (process.env.BTRFERRY_DEBUG) {
    onProgram((event) => output.err(programLine(event)));
  }
  // Not loaded for help and for the version.
  const { reporterFor } = await import('../report/choose.ts');
  const reporter = reporterFor(output, {
    json: options.json === true,
    quiet: options.quiet === true,
  });
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const onSignal = () => {
    if (!stop.signal.aborted) return stop.abort(interrupted);
    // To exit would be to wait for every thread, of which one may wait for a drive or a process.
    for (const signal of signals) process.off(signal, onSignal);
    process.kill(process.pid, 'SIGINT'); // 130 to a shell
  };
  for (const signal of signals) process.on(signal, onSignal);
  // A file that grows beyond a limit of the user's is a failure that can be told.
  process.on('SIGXFSZ', () => {});
  // Thrown where no caller waits: a defect, which must not end in a bare stack trace.
  process.on('uncaughtException', (error) => {
    reporter.failed(command, error);
    output.flush();
    process.exit(exit.failed);
  });

  try {
    assertTextArguments();
    const result = await operation({
      emit: reporter.emit,
      signal: stop.signal,
      input: dataInput,
      output: dataOutput,
      ask: personAt(output, stop.signal),
    });
    reporter.emit(result);
    process.exitCode = result.exit;
  } catch (thrown) {
    // What the platform throws for an aborted signal is the same to the user, and so is what
    // became of btrfs when the signal went to the whole process group.
    const aborted =
      thrown instanceof Failure || (thrown instanceof Error && thrown.name === 'AbortError');
    const error = aborted && stop.signal.aborted ? interrupted : expected(thrown);
    const told = tell(error);
    process.exitCode = told.exit;
    if (lost === undefined || told.code !== 'interrupted') reporter.failed(command, error);
  }
  reporter.close();
  output.flush();
  if (lost instanceof Failure) {
    for (const line of errorLines(lost, output.errStyle)) output.err(line);
    process.exitCode = lost.exitCode;
  }
}

/** What to do about an interruption. */
function afterwards(command: string): { hint?: string } {
  if (command === 'export') return { hint: 'nothing is lost; the same command goes on from here' };
  if (command === 'import') return { hint: 'nothing is lost; the same command finishes the job' };
  return {};
}

/** What the machine refuses is no defect, wherever it does: a drive can go at any moment. */
function expected(thrown: unknown): unknown {
  if (!isSystemError(thrown)) return thrown;
  const { syscall, path = '' } = thrown;
  return systemFailure(thrown, { code: 'storage-failed', doing: `cannot ${syscall}`, path });
}

/** Prints a text that is made elsewhere, such as help. */
export async function print(text: string, to: 'out' | 'err'): Promise<void> {
  const output = await standardOutput(() => {});
  for (const line of text.replace(/\n$/, '').split('\n')) output[to](line);
  output.flush();
}
