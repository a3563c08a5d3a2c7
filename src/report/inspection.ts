import type { CommandInspected, StreamInspected } from '../events/inspect.ts';
import { identityKey } from '../names/identity.ts';
import { oneLine, printable } from '../names/printable.ts';
import { count, size } from './figures.ts';
import type { Style } from './style.ts';
import { table } from './table.ts';

/** One command of a stream. */
export function commandLine(
  { offset, command, attributes }: CommandInspected,
  style: Style,
): string {
  const said = Object.entries(attributes).map(([name, value]) => {
    const text = name === 'mode' ? `0${value.toString(8)}` : oneLine(String(value));
    return style.faint(`${name}=`) + text;
  });
  return [String(offset).padStart(12), command.padEnd(13), ...said].join(' ').trimEnd();
}

/** Describes a whole stream. */
export function inspectionLines(stream: StreamInspected, style: Style): string[] {
  const rows: [string, string][] = [
    ['name', printable(stream.name)],
    ['kind', stream.kind],
    ['uuid', identityKey(stream.identity)],
  ];
  if (stream.parent !== null) rows.push(['parent', identityKey(stream.parent)]);
  for (const source of stream.cloneSources) rows.push(['clone source', identityKey(source)]);
  rows.push(
    ['protocol', `version ${stream.protocol}${stream.compressedData ? ', compressed data' : ''}`],
    ['length', `${size(stream.length)} (${stream.length} bytes)`],
    ['file data', stream.noData ? 'none: made with --no-data' : size(stream.written)],
  );
  if (stream.cloned > 0) rows.push(['cloned', size(stream.cloned)]);
  const numbers = Object.entries(stream.commands).sort(([, a], [, b]) => b - a);
  const all = numbers.reduce((sum, [, number]) => sum + number, 0);
  return [
    style.strong(oneLine(stream.file === '-' ? 'stream from stdin' : stream.file)),
    ...table(
      rows.map(([what, value]) => [style.faint(what), value]),
      [{}, {}],
    ),
    count(all, 'command'),
    ...table(
      numbers.map(([command, number]) => [`  ${command}`, `${number}`]),
      [{}, { align: 'right' }],
    ),
  ];
}
