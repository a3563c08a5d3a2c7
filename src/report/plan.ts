import type { Failure } from '../failure/failure.ts';
import type { Text } from '../manifest/text.ts';
import type { ExportPlanned, ImportPlanned, StreamName } from '../operations/event.ts';
import { count, size } from './figures.ts';
import { messageLines } from './message.ts';
import { nameText, oneLine } from './printable.ts';
import type { Style } from './style.ts';
import { table } from './table.ts';

/** Columns for a name, so that two of them fit a line of 80. */
const NAME_WIDTH = 24;

/** What an export writes, in order; a dry run also shows what is in the archive already. */
export function exportPlanLines(plan: ExportPlanned, style: Style): string[] {
  const { steps, skipped, dryRun } = plan;
  const numbers = String(steps.length).length;
  const inset = ' '.repeat(numbers + 2);
  const lines = steps.flatMap(({ snapshot, parent, cloneSources, reason, archives }, at) => [
    `${String(at + 1).padStart(numbers)}  ${named(snapshot, style)}`,
    inset + (parent === null ? '' : `from ${named(parent, style)}: `) + oneLine(reason),
    ...cloneSources.map((source) => `${inset}clone source ${named(source, style)}`),
    ...(archives.length < plan.archives.length
      ? [`${inset}only to ${oneLine(archives.join(', '))}`]
      : []),
  ]);
  const head = style.strong(
    `export ${count(steps.length, 'snapshot')} to ${oneLine(plan.archives.join(', '))}`,
  );
  return [
    ...(steps.length > 0 ? [head, ...lines] : []),
    ...(dryRun ? presentLines('in the archive already', skipped, style) : []),
  ];
}

/** What an import receives, in order; a dry run also shows what the destination has already. */
export function importPlanLines(plan: ImportPlanned, style: Style): string[] {
  const { steps, present, dryRun } = plan;
  const names = namesOf(plan);
  const rows = table(
    steps.map((step, at) => {
      const name = nameText(step.stream.name);
      const as = nameText(step.as);
      return [
        `${at + 1}`,
        name === as ? name : `${name} as ${as}`,
        style.faint(short(step.stream)),
        step.parent === null ? 'full' : `from ${parentName(step.parent, names)}`,
        size(step.stored),
      ];
    }),
    [{ align: 'right' }, { most: NAME_WIDTH }, {}, { most: NAME_WIDTH + 5 }, { align: 'right' }],
  );
  const stored = size(steps.reduce((sum, step) => sum + step.stored, 0));
  const head = `receive ${count(steps.length, 'stream')}, ${stored}, into ${oneLine(plan.into ?? 'a new destination')}`;
  return [
    ...(steps.length > 0 ? [style.strong(head), ...rows] : []),
    ...(dryRun ? presentLines('there already', present, style) : []),
  ];
}

type Refused = StreamName & { readonly failure: Failure };

/** Why streams are refused, and what would help: once, where it is the same for several. */
export function refusedLines(streams: readonly Refused[], style: Style): string[] {
  return streams.flatMap(({ name, failure: { message, hint } }, at) => {
    const shown = nameText(name);
    const told = message.startsWith(`${shown}:`) ? message : `${shown}: ${message}`;
    const again = streams[at + 1]?.failure.hint === hint;
    return messageLines('refused', told, again ? undefined : hint, style.bad, style);
  });
}

function presentLines(where: string, streams: readonly StreamName[], style: Style): string[] {
  return streams.map((stream) => `${style.faint(where)}  ${named(stream, style)}`);
}

function named(stream: StreamName, style: Style): string {
  return `${nameText(stream.name)} ${style.faint(short(stream))}`;
}

/** The names that a plan knows, by UUID: of what it brings, else of what is there. */
function namesOf({ steps, present }: ImportPlanned): Map<string, Text> {
  const streams = [...steps.map(({ stream }) => stream), ...present];
  return new Map(streams.reverse().map(({ uuid, name }) => [uuid, name]));
}

/** By name where the plan knows one: the parent comes earlier, or is there. */
function parentName(
  { uuid, name }: NonNullable<ImportPlanned['steps'][number]['parent']>,
  names: ReadonlyMap<string, Text>,
): string {
  const known = names.get(uuid) ?? name;
  return known === undefined ? uuid.slice(0, 8) : nameText(known);
}

function short({ uuid }: { readonly uuid: string }): string {
  return uuid.slice(0, 8);
}
