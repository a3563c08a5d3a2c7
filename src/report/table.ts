import { stripVTControlCharacters } from 'node:util';
import sliceAnsi from 'slice-ansi';
import stringWidth from 'string-width';
import wrapAnsi from 'wrap-ansi';

export interface Column {
  readonly align?: 'left' | 'right';
  /** A wider cell sticks out of the column instead of widening it. */
  readonly most?: number;
}

/**
 * Lines rows up in columns, two spaces apart. Each column is as wide as its widest cell on a
 * terminal. A cell is one printable line and may be coloured. A row may lack cells for the last
 * columns.
 */
export function table(rows: readonly (readonly string[])[], columns: readonly Column[]): string[] {
  const taken = rows.map((row) => row.map(columnsOf));
  const widths = columns.map(({ most = Number.POSITIVE_INFINITY }, at) =>
    taken.reduce((widest, row) => Math.max(widest, Math.min(row[at] ?? 0, most)), 0),
  );
  const used = columns.map((_, at) => at).filter((at) => (widths[at] ?? 0) > 0);
  return rows.map((row, line) =>
    used
      .map((at) => {
        const cell = row[at] ?? '';
        const room = ' '.repeat(Math.max(0, (widths[at] ?? 0) - (taken[line]?.[at] ?? 0)));
        return columns[at]?.align === 'right' ? room + cell : cell + room;
      })
      .join('  ')
      .trimEnd(),
  );
}

/** ASCII and the characters of branches, each of which takes one column. */
const NARROW = /^[ -~─-╿…]*$/;

/** Columns of a cell. Most cells are plain, and measuring any text is slow. */
function columnsOf(cell: string): number {
  const shown = stripVTControlCharacters(cell);
  return NARROW.test(shown) ? shown.length : stringWidth(shown);
}

/** Breaks a printable text into lines of at most `width` columns, between words. */
export function wrap(text: string, width: number): string[] {
  return wrapAnsi(text, width).split('\n');
}

/** The start of a command that people copy into a shell, so it must stay in one piece. */
const COMMAND = /(?<=: )(?=(?:apt|btrferry|btrfs|cat|modprobe|sha256sum|zstd) )/;

/** Breaks a line that is too wide between words, and indents its rest by two more columns. */
export function fold(line: string, width: number): string[] {
  if (stringWidth(line) <= width) return [line];
  const own = line.length - line.trimStart().length;
  const inset = own + 2;
  const [text = '', command] = line.slice(own).split(COMMAND);
  const [first = '', ...more] = wrap(text.trimEnd(), width - inset);
  const rest = command === undefined ? more : [...more, command];
  return [' '.repeat(own) + first, ...rest.map((each) => ' '.repeat(inset) + each)];
}

/** Cuts a printable text to `width` columns, with an ellipsis in place of the rest. */
export function shorten(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  return width > 0 ? `${sliceAnsi(text, 0, width - 1)}…` : '';
}
