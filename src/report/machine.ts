import type { Checked } from '../events/doctor.ts';
import { oneLine } from '../names/printable.ts';
import type { Style } from './style.ts';
import { table, wrap } from './table.ts';

/** Columns for findings on a terminal of 80 columns. */
const FOUND_WIDTH = 50;

/** The checks of `doctor` in columns, each with advice if it needs some. */
export function machineLines(checks: readonly Checked[], style: Style): string[] {
  const paint = { good: style.good, limited: style.caution, missing: style.bad };
  let place: string | undefined;
  const rows = checks.flatMap(({ what, state, found, hint, archive }) => {
    const heading = archive === undefined || archive === place ? [] : [['', oneLine(archive), '']];
    place = archive;
    const [first = '', ...more] = wrap(oneLine(found), FOUND_WIDTH);
    const advice = hint === undefined ? [] : wrap(oneLine(hint), FOUND_WIDTH);
    return [
      ...heading,
      [paint[state](state), what, first],
      ...[...more, ...advice.map(style.strong)].map((line) => ['', '', line]),
    ];
  });
  return table(rows, [{}, {}, {}]);
}
