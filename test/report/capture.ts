import type { Output } from '../../src/report/output.ts';
import { plain, type Style } from '../../src/report/style.ts';

export interface Captured extends Output {
  readonly outLines: string[];
  readonly errLines: string[];
  /** Each state of what is drawn in place. */
  readonly drawings: (readonly string[])[];
}

/** An output that keeps what it is given. */
export function capture(options: { interactive?: boolean; style?: Style } = {}): Captured {
  const outLines: string[] = [];
  const errLines: string[] = [];
  const drawings: (readonly string[])[] = [];
  const style = options.style ?? plain;
  const width = options.interactive ? 80 : Number.POSITIVE_INFINITY;
  return {
    outLines,
    errLines,
    drawings,
    out: (line) => void outLines.push(line),
    err: (line) => void errLines.push(line),
    draw: (lines) => void drawings.push(lines),
    interactive: options.interactive ?? false,
    outWidth: () => width,
    errWidth: () => width,
    outStyle: style,
    errStyle: style,
    flush: () => {},
  };
}
