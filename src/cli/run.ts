import type { Result } from '../events/event.ts';
import { exit, Failure } from '../failure/failure.ts';
import { isSystemError, systemFailure } from '../failure/system.ts';
import { ledgerOf, noLedger } from '../ledger/ledger.ts';
import type { Context } from '../operations/operation.ts';
import { onProgram } from '../process/trace.ts';
import { personAt } from '../report/ask.ts';
import { dataInput, dataOutput } from '../report/data.ts';
import { describe, errorLines } from '../report/message.ts';
import { onStderr, standardOutput } from '../report/output.ts';
import { assertTextArguments } from './arguments.ts';
import { programLine } from './debug.ts';

/** Options that every command has. */
export interface CommonOptions {
  readonly json?: true;
  readonly quiet?: true;
  /** False for `--no-remember`. */
  readonly remember?: boolean;
}

/** How a command uses the output of the process. */
interface OutputUse {
  /** stdout takes data, so results go to stderr. */
  readonly dataOnStdout?: boolean;
}

/**
 * Runs one operation to its end and sets the exit code. The first SIGINT or SIGTERM asks the
 * operation to stop, and the second ends the process at once.
 */
export async function run(
  command: string,
  options: CommonOptions & OutputUse,
  operation: (context: Context) => Promise<Result>,
): Promise<void> {
  const stop = new AbortController();
  const interrupted = new Failure('interrupted', 'interrupted', afterwards(command));
  /** Set when stdout takes no more: to false if its reader is gone, otherwise to the failure. */
  let lost: Failure | false | undefined;
  const standard = await standardOutput((failure) => {
    lost = failure ?? false;
    stop.abort(interrupted);
  });
  const output = options.dataOnStdout === true ? onStderr(standard) : standard;
  if (process.env.BTRFERRY_DEBUG) {
    onProgram((event) => output.err(programLine(event)));
  }
  // Help and the version do not need this.
  const { reporterFor } = await import('../report/choose.ts');
  const reporter = reporterFor(output, {
    json: options.json === true,
    quiet: options.quiet === true,
  });
  stopOnSignals(stop, interrupted);
  // An error that no caller waits for is a defect. It must not end in a bare stack trace.
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
      ledger: options.remember === false ? noLedger : ledgerOf(stop.signal),
    });
    reporter.emit(result);
    process.exitCode = result.exit;
  } catch (thrown) {
    // An AbortError means an interruption too, and so does a failure of btrfs when the signal went
    // to the whole process group.
    const aborted =
      thrown instanceof Failure || (thrown instanceof Error && thrown.name === 'AbortError');
    const error = aborted && stop.signal.aborted ? interrupted : expected(thrown);
    const failure = describe(error);
    process.exitCode = failure.exit;
    if (lost === undefined || failure.code !== 'interrupted') reporter.failed(command, error);
  }
  reporter.close();
  output.flush();
  if (lost instanceof Failure) {
    for (const line of errorLines(lost, output.errStyle)) output.err(line);
    process.exitCode = lost.exitCode;
  }
}

/** Stops the operation at the first signal, and the process at the second. */
function stopOnSignals(stop: AbortController, interrupted: Failure): void {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const onSignal = () => {
    if (!stop.signal.aborted) return stop.abort(interrupted);
    // process.exit() joins worker threads, which may be blocked by a drive or another process.
    for (const signal of signals) process.off(signal, onSignal);
    process.kill(process.pid, 'SIGINT'); // 130 to a shell
  };
  for (const signal of signals) process.on(signal, onSignal);
  // Without a handler, a write beyond a file size limit would kill the process.
  process.on('SIGXFSZ', () => {});
}

/** Advice after an interruption. */
function afterwards(command: string): { hint?: string } {
  if (command === 'export') return { hint: 'nothing is lost; the same command goes on from here' };
  if (command === 'copy') {
    return {
      hint: 'nothing is lost; the same command goes on from here, or begins a tar file anew',
    };
  }
  if (command === 'prune') {
    return { hint: 'what stays is untouched; the same command goes on from here' };
  }
  if (command === 'fingerprint' || command === 'adopt' || command === 'protect') {
    return { hint: 'nothing is lost; the same command begins anew' };
  }
  if (command === 'import') return { hint: 'nothing is lost; the same command finishes the job' };
  return {};
}

/** A system error is not a defect: a drive can go at any moment. */
function expected(thrown: unknown): unknown {
  if (!isSystemError(thrown)) return thrown;
  const { syscall, path = '' } = thrown;
  return systemFailure(thrown, { code: 'storage-failed', doing: `cannot ${syscall}`, path });
}

/** Prints a text such as help. */
export async function print(text: string, to: 'out' | 'err'): Promise<void> {
  const output = await standardOutput(() => {});
  for (const line of text.replace(/\n$/, '').split('\n')) output[to](line);
  output.flush();
}
