import { stripVTControlCharacters } from 'node:util';
import stringWidth from 'string-width';

export interface Column {
  readonly align?: 'left' | 'right';
  /** Cells wider than this stand out of the column instead of widening it for all. */
  readonly most?: number;
}

/**
 * Rows in columns that line up, two spaces apart; each column is as wide as its widest cell on a
 * terminal. A cell is one line, printable, and may be coloured. A row without cells for the last
 * columns ends early.
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

/** ASCII, and what branches are drawn with: a column for each. */
const NARROW = /^[ -~─-╿…]*$/;

/** Columns that a cell takes. Most cells are plain, and to measure any text takes long. */
function columnsOf(cell: string): number {
  const shown = stripVTControlCharacters(cell);
  return NARROW.test(shown) ? shown.length : stringWidth(shown);
}

/** Breaks a printable text into lines of at most `width` columns, between words. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && stringWidth(line) + 1 + stringWidth(word) > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/** What follows is to be copied into a shell, so it has to stay in one piece. */
const COMMAND = /(?<=: )(?=(?:apt|btrferry|btrfs|cat|modprobe|sha256sum|zstd) )/;

/** A line as it is where it fits, else broken between words, what follows set in by two more. */
export function fold(line: string, width: number): string[] {
  if (stringWidth(line) <= width) return [line];
  const own = line.length - line.trimStart().length;
  const inset = own + 2;
  const [text = '', command] = line.slice(own).split(COMMAND);
  const [first = '', ...more] = wrap(text.trimEnd(), width - inset);
  const rest = command === undefined ? more : [...more, command];
  return [' '.repeat(own) + first, ...rest.map((each) => ' '.repeat(inset) + each)];
}

/** Cuts a printable text to `width` columns, with an ellipsis where something is left out. */
export function shorten(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  let kept = '';
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    if (stringWidth(kept + segment) > width - 1) break;
    kept += segment;
  }
  return width > 0 ? `${kept}…` : '';
}
