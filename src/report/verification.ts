import type { StreamVerified } from '../operations/event.ts';
import { size } from './figures.ts';
import { nameText, oneLine } from './printable.ts';
import type { Style } from './style.ts';

/** So many files are named of one loss; JSON has them all. */
const FILES_SHOWN = 8;

/** What `verify` found of one stream: a line where it is whole, else what is lost and why. */
export function verificationLines(event: StreamVerified, style: Style): string[] {
  const { stream, failures, losses, intact, missing, dependents } = event;
  const name = `${nameText(stream.name)} ${style.faint(stream.uuid.slice(0, 8))}`;
  const state = failures.length > 0 ? style.bad('damaged') : style.good('good');
  const lines = [`${state}  ${name}`];
  lines.push(...failures.map(({ message }) => `  ${style.bad('found:')} ${oneLine(message)}`));
  for (const { from, to, files, complete } of losses) {
    const near = files.length > 0 ? ', at or near' : '';
    lines.push(`  lost: ${size(to - from)} of the stream, bytes ${from} to ${to}${near}`);
    for (const file of files.slice(0, FILES_SHOWN)) lines.push(`    ${nameText(file)}`);
    if (files.length > FILES_SHOWN) lines.push(`    and ${files.length - FILES_SHOWN} more files`);
    if (!complete) {
      const and = files.length > 0 ? 'and' : 'with';
      lines.push(`    ${and} any file whose commands lie wholly within these bytes`);
    }
  }
  if (failures.length > 0 && intact) {
    lines.push('  nothing is lost: the whole stream can be read all the same');
  }
  for (const { uuid } of missing) {
    lines.push(`  ${style.caution('needs')} ${uuid}, which is in none of these archives`);
  }
  for (const dependent of dependents) {
    const what = intact ? 'imported' : 'restored';
    lines.push(oneLine(`  can't be ${what} without it: ${nameText(dependent.name)}`));
  }
  for (const hint of new Set(failures.map((failure) => failure.hint))) {
    if (hint !== undefined) lines.push(`  ${style.strong('hint:')} ${oneLine(hint)}`);
  }
  return lines;
}
