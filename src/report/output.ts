import { isatty } from 'node:tty';
import { Failure } from '../failure/failure.ts';
import { writeAll } from './descriptor.ts';
import { colourful, plain, type Style } from './style.ts';

/** The output of this process. Only this code writes to stdout and stderr. */
export interface Output {
  /** Prints one line of results. Adds its newline. */
  out(line: string): void;
  /** Prints one line of progress or messages. */
  err(line: string): void;
  /**
   * Draws lines below everything else on the terminal, until they are drawn again. No lines remove
   * them.
   */
  draw(lines: readonly string[]): void;
  /** stderr is a terminal, so lines can be drawn. */
  readonly interactive: boolean;
  /** Columns of the terminals of stdout and stderr; infinite without a terminal. */
  readonly outWidth: () => number;
  readonly errWidth: () => number;
  readonly outStyle: Style;
  readonly errStyle: Style;
  /** Writes lines that wait. */
  flush(): void;
}

const STDOUT = 1;
const STDERR = 2;

/** Characters after which lines for stdout are written. */
const PIECE = 32 * 1024;

/**
 * stdout and stderr of this process. Writes block, so a slow reader slows the writer and nothing
 * piles up. If stdout takes no more, the rest is dropped.
 *
 * @param onLost called once when stdout takes no more: without a failure if its reader is gone (`|
 *   head`)
 */
// Long: its methods share the lines that wait and those that are drawn.
export async function standardOutput(onLost: (failure?: Failure) => void): Promise<Output> {
  const interactive = isatty(STDERR);
  // Leave the cursor alone, so that there is nothing to restore after a kill.
  const drawing = interactive
    ? (await import('log-update')).createLogUpdate(process.stderr, { showCursor: true })
    : undefined;
  let drawn: readonly string[] = [];
  let waiting: string[] = [];
  let length = 0;
  let lost = false;

  const hand = () => {
    const text = waiting.join('');
    waiting = [];
    length = 0;
    if (lost || text === '') return;
    try {
      writeAll(STDOUT, text);
    } catch (error) {
      lost = true;
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EPIPE') return onLost();
      onLost(new Failure('storage-failed', `cannot write to stdout: ${code}`, { cause: error }));
    }
  };
  /** Writes above the lines that are drawn. */
  const above = (write: () => void) => {
    if (drawn.length === 0) return write();
    drawing?.clear();
    write();
    drawing?.(drawn.join('\n'));
  };

  return {
    out(line) {
      if (length === 0) setImmediate(() => above(hand));
      waiting.push(line, '\n');
      length += line.length + 1;
      if (length >= PIECE) above(hand);
    },
    err(line) {
      above(() => {
        hand();
        try {
          writeAll(STDERR, `${line}\n`);
        } catch {
          // There is nowhere to report this.
        }
      });
    },
    draw(lines) {
      hand();
      if (lines.length > 0) drawing?.(lines.join('\n'));
      else if (drawn.length > 0) drawing?.clear();
      drawn = lines;
    },
    interactive,
    outWidth: () => columnsOf(STDOUT),
    errWidth: () => columnsOf(STDERR),
    outStyle: styleFor(STDOUT),
    errStyle: styleFor(STDERR),
    flush: () => above(hand),
  };
}

/** The same output with results on stderr, because stdout takes data. */
export function onStderr(output: Output): Output {
  const { err: out, errWidth: outWidth, errStyle: outStyle } = output;
  return { ...output, out, outWidth, outStyle };
}

function columnsOf(descriptor: number): number {
  if (!isatty(descriptor)) return Number.POSITIVE_INFINITY;
  return (descriptor === STDOUT ? process.stdout : process.stderr).columns;
}

/** Uses colour on terminals that have it. `hasColors` respects NO_COLOR and FORCE_COLOR. */
function styleFor(descriptor: number): Style {
  if (!isatty(descriptor)) return plain;
  const stream = descriptor === STDOUT ? process.stdout : process.stderr;
  return stream.hasColors() ? colourful : plain;
}
