import type { CopyPlanned } from '../events/copy.ts';
import type { ExportPlanned } from '../events/export.ts';
import type { ImportPlanned } from '../events/import.ts';
import type { Failure } from '../failure/failure.ts';
import { oneLine, printable } from '../names/printable.ts';
import type { StreamName } from '../names/title.ts';
import { streamText } from '../names/title.ts';
import { count, size } from './figures.ts';
import { messageLines } from './message.ts';
import type { Style } from './style.ts';
import { table } from './table.ts';

/** Columns for a name. Two of them fit on a line of 80. */
const NAME_WIDTH = 31;

/** Lists the steps of an export. A dry run also lists the snapshots that are in the archive. */
export function exportPlanLines(plan: ExportPlanned, style: Style): string[] {
  const { steps, skipped, received, removed, dryRun } = plan;
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
    ...(dryRun ? presentLines('the destination has it', received, style) : []),
    ...(dryRun ? presentLines('the destination removed it', removed, style) : []),
  ];
}

/** Lists the steps of an import. A dry run also lists the streams that the destination has. */
export function importPlanLines(plan: ImportPlanned, style: Style): string[] {
  const { steps, present, removed, dryRun } = plan;
  const known = namesOf(plan);
  const rows = table(
    steps.map((step, at) => [
      `${at + 1}`,
      receivedText(step, style),
      step.parent === null ? 'full' : `from ${parentText(step.parent, known)}`,
      size(step.stored),
    ]),
    [{ align: 'right' }, { most: NAME_WIDTH }, { most: NAME_WIDTH }, { align: 'right' }],
  );
  const stored = size(steps.reduce((sum, step) => sum + step.stored, 0));
  const head = `receive ${count(steps.length, 'stream')}, ${stored}, into ${oneLine(plan.into ?? 'a new destination')}`;
  return [
    ...(steps.length > 0 ? [style.strong(head), ...rows] : []),
    ...(dryRun ? presentLines('there already', present, style) : []),
    ...(dryRun ? presentLines('removed here before', removed, style) : []),
  ];
}

/** Lists the steps of a copy: the streams that the target lacks, and those that it has. */
export function copyPlanLines({ to, steps }: CopyPlanned, style: Style): string[] {
  if (steps.length === 0) return [];
  const rows = table(
    steps.map(({ stream, stored, present }, at) => [
      `${at + 1}`,
      named(stream, style),
      present ? 'there: check, and replace if damaged' : 'copy',
      size(stored),
    ]),
    [{ align: 'right' }, { most: NAME_WIDTH }, {}, { align: 'right' }],
  );
  const stored = size(steps.reduce((sum, step) => sum + step.stored, 0));
  const target = to === '-' ? 'stdout' : oneLine(to);
  return [style.strong(`copy ${count(steps.length, 'stream')}, ${stored}, to ${target}`), ...rows];
}

/** Streams that are printed for one word of `--only`. The plan has them all. */
const SELECTED_SHOWN = 8;

/** Lists the streams that a word means, for words that mean several. */
export function selectionLines({ only }: ImportPlanned): string[] {
  return only
    .filter(({ streams }) => streams.length > 1)
    .map(({ word, streams }) => {
      const shown = streams.slice(0, SELECTED_SHOWN).map(streamText);
      const more = streams.length - shown.length;
      const rest = more === 0 ? '' : `, and ${more} more`;
      return oneLine(`--only ${word} fits ${streams.length} streams: ${shown.join(', ')}${rest}`);
    });
}

type Step = ImportPlanned['steps'][number];

/**
 * The name that a subvolume gets, with the title of its stream if the name does not contain it.
 */
function receivedText({ stream, as }: Step, style: Style): string {
  const [title, name] = [printable(stream.title), printable(as)];
  const text = name.includes(title) ? name : `${title} as ${name}`;
  const distinct = stream.ambiguous !== true || name.includes(short(stream));
  return distinct ? text : `${text} ${style.faint(short(stream))}`;
}

type Refused = StreamName & { readonly failure: Failure };

/** Lists refused streams with their reasons. Prints a hint once if several streams share it. */
export function refusedLines(streams: readonly Refused[], style: Style): string[] {
  return streams.flatMap(({ failure: { message, hint }, ...stream }, at) => {
    const shown = streamText(stream);
    const line = message.startsWith(`${shown}:`) ? message : `${shown}: ${message}`;
    const again = streams[at + 1]?.failure.hint === hint;
    return messageLines('refused', line, again ? undefined : hint, style.bad, style);
  });
}

function presentLines(where: string, streams: readonly StreamName[], style: Style): string[] {
  return streams.map((stream) => `${style.faint(where)}  ${named(stream, style)}`);
}

function named(stream: StreamName, style: Style): string {
  return `${printable(stream.title)} ${style.faint(short(stream))}`;
}

/** The titles of the streams of a plan, by UUID. */
function namesOf({ steps, present }: ImportPlanned): Map<string, StreamName> {
  const streams = [...steps.map(({ stream }) => stream), ...present];
  return new Map(streams.reverse().map((stream) => [stream.uuid, stream]));
}

/** Names the parent of a step, by its title if it is known. */
function parentText(
  { uuid, name }: NonNullable<Step['parent']>,
  known: ReadonlyMap<string, StreamName>,
): string {
  const stream = known.get(uuid);
  if (stream !== undefined) return streamText(stream);
  return name === undefined ? uuid.slice(0, 8) : printable(name);
}

function short({ uuid }: { readonly uuid: string }): string {
  return uuid.slice(0, 8);
}
