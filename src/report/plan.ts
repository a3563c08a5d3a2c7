import type { ExportPlanned, ImportPlanned, StreamName } from '../operations/event.ts';
import { count, size } from './figures.ts';
import { nameText, oneLine } from './printable.ts';
import type { Style } from './style.ts';
import { table } from './table.ts';

/** What an export writes, in order. */
export function exportPlanLines(plan: ExportPlanned, style: Style): string[] {
  const { steps, skipped } = plan;
  const rows = table(
    steps.map(({ snapshot, parent }, at) => [
      `${at + 1}`,
      nameText(snapshot.name),
      style.faint(short(snapshot)),
      parent === null ? 'full' : `from ${nameText(parent.name)} ${style.faint(short(parent))}`,
    ]),
    [{ align: 'right' }, {}, {}, {}],
  );
  const inset = ' '.repeat(String(steps.length).length + 2);
  return [
    style.strong(`export ${count(steps.length, 'snapshot')} to ${oneLine(plan.archive)}`),
    ...steps.flatMap((step, at) => [
      rows[at] as string,
      `${inset}${style.faint(oneLine(step.reason))}`,
      ...step.cloneSources.map(
        (source) => `${inset}clone source ${nameText(source.name)} ${style.faint(short(source))}`,
      ),
    ]),
    ...presentLines('in the archive already', skipped, style),
  ];
}

/** What an import receives, in order, and what it refuses. */
export function importPlanLines(plan: ImportPlanned, style: Style): string[] {
  const { steps, present, refused } = plan;
  const rows = table(
    steps.map((step, at) => {
      const name = nameText(step.stream.name);
      const as = nameText(step.as);
      return [
        `${at + 1}`,
        name === as ? name : `${name} as ${as}`,
        style.faint(short(step.stream)),
        step.parent === null ? 'full' : `from ${parentName(step.parent.uuid, plan)}`,
        size(step.stored),
      ];
    }),
    [{ align: 'right' }, {}, {}, {}, { align: 'right' }],
  );
  const stored = steps.reduce((sum, step) => sum + step.stored, 0);
  return [
    style.strong(
      `receive ${count(steps.length, 'stream')}, ${size(stored)}, into ${oneLine(plan.into)}`,
    ),
    ...rows,
    ...presentLines('there already', present, style),
    ...refused.flatMap((stream) => refusedLines(stream, stream.failure, style)),
  ];
}

/** Why a stream is refused, and what would help. */
export function refusedLines(
  stream: StreamName,
  { message, hint }: { readonly message: string; readonly hint: string | undefined },
  style: Style,
): string[] {
  const lines = [
    `${style.bad('refused')}  ${nameText(stream.name)}  ${style.faint(short(stream))}`,
    `  ${oneLine(message)}`,
  ];
  if (hint !== undefined) lines.push(`  ${style.strong('hint:')} ${oneLine(hint)}`);
  return lines;
}

function presentLines(where: string, streams: readonly StreamName[], style: Style): string[] {
  return streams.map(
    (stream) => `${style.faint(where)}  ${nameText(stream.name)}  ${style.faint(short(stream))}`,
  );
}

/** By name where the plan knows one: the parent comes earlier, or is there. */
function parentName(uuid: string, { steps, present }: ImportPlanned): string {
  const streams = [...steps.map(({ stream }) => stream), ...present];
  const found = streams.find((stream) => stream.uuid === uuid);
  return found === undefined ? uuid.slice(0, 8) : nameText(found.name);
}

function short({ uuid }: { readonly uuid: string }): string {
  return uuid.slice(0, 8);
}
