import type { NamedIdentity } from '../names/identity.ts';
import { identityText } from '../names/identity.ts';
import { oneLine, printable } from '../names/printable.ts';
import { streamText } from '../names/title.ts';
import type { StreamVerified } from '../operations/event.ts';
import { size } from './figures.ts';
import type { Style } from './style.ts';

/** So many files are named of one loss; JSON has them all. */
const FILES_SHOWN = 8;

/** So many things that are wrong with one stream are told; JSON has them all. */
const FAILURES_SHOWN = 5;

/**
 * What `verify` found of streams: a line of each that is whole, else what is lost and why. Which
 * archive it is in is told where they are in several.
 */
export function verificationLines(events: readonly StreamVerified[], style: Style): string[] {
  const several = new Set(events.map(({ archive }) => archive)).size > 1;
  return events.flatMap((event) => streamLines(event, several, style));
}

function streamLines(event: StreamVerified, several: boolean, style: Style): string[] {
  const { stream, failures, losses, intact, missing, elsewhere, dependents, conflicting } = event;
  const name = `${printable(stream.title)} ${style.faint(stream.uuid.slice(0, 8))}`;
  const state = failures.length > 0 ? style.bad('damaged') : style.good('good');
  const lines = [`${state}  ${name}${several ? ` in ${oneLine(event.archive)}` : ''}`];
  for (const { message } of failures.slice(0, FAILURES_SHOWN)) {
    lines.push(`  ${style.bad('found:')} ${oneLine(message)}`);
  }
  if (failures.length > FAILURES_SHOWN) {
    lines.push(`    and ${failures.length - FAILURES_SHOWN} more`);
  }
  for (const { from, to, files, complete } of losses) {
    const near = files.length > 0 ? ', at or near' : '';
    lines.push(`  lost: ${size(to - from)} of the stream, bytes ${from} to ${to}${near}`);
    for (const file of files.slice(0, FILES_SHOWN)) lines.push(`    ${printable(file)}`);
    if (files.length > FILES_SHOWN) lines.push(`    and ${files.length - FILES_SHOWN} more files`);
    if (!complete) {
      const and = files.length > 0 ? 'and' : 'with';
      lines.push(`    ${and} any file whose commands lie wholly within these bytes`);
    }
  }
  if (failures.length > 0 && intact) {
    lines.push('  nothing is lost: the whole stream can be read all the same');
  }
  const needs = (identity: NamedIdentity) =>
    `  ${style.caution('needs')} ${identityText(identity)}, which`;
  if (conflicting) {
    lines.push(`  ${style.bad('conflict:')} its UUID is here with other contents too`);
  }
  lines.push(...missing.map((each) => `${needs(each)} is in none of these archives`));
  for (const each of elsewhere) {
    lines.push(`${needs(each)} only filesystem ${each.filesystem} has, by its receipt`);
  }
  for (const dependent of dependents) {
    const what = intact ? 'imported' : 'restored';
    lines.push(oneLine(`  can't be ${what} without it: ${streamText(dependent)}`));
  }
  for (const hint of new Set(failures.map((failure) => failure.hint))) {
    if (hint !== undefined) lines.push(`  ${style.strong('hint:')} ${oneLine(hint)}`);
  }
  return lines;
}
