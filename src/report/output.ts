import { isatty } from 'node:tty';
import { Failure } from '../failure/failure.ts';
import { writeAll } from './descriptor.ts';
import { colourful, plain, type Style } from './style.ts';

/** Where lines go, and what can be done there. The only code that writes to the outside. */
export interface Output {
  /** One line of results; its newline is added. */
  out(line: string): void;
  /** One line of progress or messages. */
  err(line: string): void;
  /** Lines that stay last on the terminal until they are drawn again; none: nothing stays. */
  draw(lines: readonly string[]): void;
  /** Messages go to a terminal, so lines can be drawn. */
  readonly interactive: boolean;
  /** Columns of the terminals that results and messages go to; without end where it is none. */
  readonly outWidth: () => number;
  readonly errWidth: () => number;
  readonly outStyle: Style;
  readonly errStyle: Style;
  /** Hands over what waits. */
  flush(): void;
}

const STDOUT = 1;
const STDERR = 2;

/** Lines for stdout are handed over in pieces of about so many characters. */
const PIECE = 32 * 1024;

/**
 * stdout and stderr of this process. Writing blocks, so a slow reader slows the writer down and
 * nothing piles up. When stdout can't take more the rest is dropped, and `onLost` is called
 * once: with nothing when its reader went away (`| head`), else with the failure.
 */
export async function standardOutput(onLost: (failure?: Failure) => void): Promise<Output> {
  const interactive = isatty(STDERR);
  // The cursor is left as it is, so that there is nothing to restore after a kill.
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
  /** Writes between what stands on the terminal and what is drawn below it. */
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
          // Nobody is left to tell.
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

function columnsOf(descriptor: number): number {
  if (!isatty(descriptor)) return Number.POSITIVE_INFINITY;
  return (descriptor === STDOUT ? process.stdout : process.stderr).columns;
}

/** Colour where a terminal has it; `hasColors` respects NO_COLOR and FORCE_COLOR. */
function styleFor(descriptor: number): Style {
  if (!isatty(descriptor)) return plain;
  const stream = descriptor === STDOUT ? process.stdout : process.stderr;
  return stream.hasColors() ? colourful : plain;
}
