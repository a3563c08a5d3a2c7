import type { SalvagePlanned, StreamSalvaged } from '../events/salvage.ts';
import { oneLine, printable } from '../names/printable.ts';
import { streamText } from '../names/title.ts';
import { count, size } from './figures.ts';
import type { Style } from './style.ts';

/** Damaged entries that are printed for one stream. The report has them all. */
const FILES_SHOWN = 8;

/** Lists the damaged streams, and the names of what will be left of them. */
export function salvagePlanLines(plan: SalvagePlanned, style: Style): string[] {
  const { steps, intact, into, dryRun } = plan;
  const head = `salvage ${count(steps.length, 'stream')} into ${oneLine(into ?? 'a new destination')}`;
  return [
    ...(steps.length > 0 ? [style.strong(head)] : []),
    ...steps.flatMap(({ stream, as, failure }, at) => [
      `${at + 1}  ${streamText(stream)} as ${printable(as)}`,
      `   ${style.bad('damaged:')} ${oneLine(failure.message)}`,
    ]),
    ...(dryRun || steps.length === 0
      ? intact.map((stream) => `${style.faint('nothing is lost')}  ${streamText(stream)}`)
      : []),
  ];
}

/** `salvaged  home.1 as home.1.salvaged: 812 entries are whole, 3 damaged` */
export function salvagedLines(event: StreamSalvaged, style: Style): string[] {
  const { stream, dryRun, as, report, whole, damaged, unnamed, missing, losses, files } = event;
  const parts = [
    `${count(whole, 'entry', 'entries')} whole`,
    ...(damaged > 0 ? [`${damaged} damaged`] : []),
    ...(unnamed > 0 ? [`${unnamed} without ${unnamed === 1 ? 'its name' : 'their names'}`] : []),
    ...(missing > 0 ? [`at most ${missing} missing`] : []),
  ];
  const done = dryRun ? 'would salvage' : 'salvaged';
  const lost = losses.reduce((sum, { from, to }) => sum + to - from, 0);
  const places = count(losses.length, 'place');
  const shown = files.slice(0, FILES_SHOWN).map(({ path }) => printable(path) || '.');
  const more = damaged - shown.length;
  return [
    `${style.caution(done)}  ${streamText(stream)} as ${printable(as)}: ${parts.join(', ')}`,
    losses.length === 0
      ? '  nothing of its contents is lost'
      : `  lost: ${size(lost)} of the stream, in ${places}`,
    ...shown.map((path) => `    ${path}`),
    ...(more > 0 ? [`    and ${more} more`] : []),
    ...(dryRun ? [] : [`  all that is lost is named in ${printable(report)}, beside it`]),
  ];
}
