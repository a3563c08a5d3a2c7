import { createLogUpdate } from 'log-update';
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
  /** Columns of the terminal that messages go to. */
  readonly width: () => number;
  readonly outStyle: Style;
  readonly errStyle: Style;
  /** Resolves when all lines are handed over. */
  flush(): Promise<void>;
}

/** Lines are handed over in pieces of about so many characters. */
const PIECE = 32 * 1024;

/**
 * stdout and stderr of this process. Writing to them blocks, also where they are pipes, so a
 * slow reader slows the writer down and nothing piles up. When stdout's reader goes away
 * (`| head`) the rest is dropped, and `onClosed` is called once.
 */
export function standardOutput(onClosed: () => void): Output {
  const { stdout, stderr } = process;
  // The cursor is left as it is, so that there is nothing to restore after a kill.
  const drawing = createLogUpdate(stderr, { showCursor: true });
  let drawn: readonly string[] = [];
  let waiting: string[] = [];
  let length = 0;
  let closed = false;
  const hand = () => {
    if (length > 0 && !closed) stdout.write(waiting.join(''));
    waiting = [];
    length = 0;
  };
  /** Writes between what stands on the terminal and what is drawn below it. */
  const above = (write: () => void) => {
    if (drawn.length === 0) return write();
    drawing.clear();
    write();
    drawing(drawn.join('\n'));
  };
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    if (closed) return;
    closed = true;
    onClosed();
  });
  // Nobody is left to tell.
  stderr.on('error', () => {});

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
        stderr.write(`${line}\n`);
      });
    },
    draw(lines) {
      hand();
      if (lines.length > 0) drawing(lines.join('\n'));
      else if (drawn.length > 0) drawing.clear();
      drawn = lines;
    },
    interactive: stderr.isTTY === true,
    width: () => stderr.columns ?? 80,
    outStyle: styleFor(stdout),
    errStyle: styleFor(stderr),
    async flush() {
      above(hand);
      await new Promise<void>((resolve) => {
        if (closed) resolve();
        else stdout.write('', () => resolve());
      });
    },
  };
}

/** Colour where a terminal has it; `hasColors` respects NO_COLOR and FORCE_COLOR. */
function styleFor(stream: NodeJS.WriteStream): Style {
  return stream.isTTY && stream.hasColors() ? colourful : plain;
}
