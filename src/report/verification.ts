import type { StreamRepaired } from '../events/protect.ts';
import type { StreamVerified } from '../events/verify.ts';
import type { NamedIdentity } from '../names/identity.ts';
import { identityText } from '../names/identity.ts';
import { oneLine, printable } from '../names/printable.ts';
import { streamText } from '../names/title.ts';
import { count, size } from './figures.ts';
import type { Style } from './style.ts';

/** Files that are named for one loss. JSON has them all. */
const FILES_SHOWN = 8;

/** Failures that are printed for one stream. JSON has them all. */
const FAILURES_SHOWN = 5;

/**
 * One line for a stream that is whole. For any other stream also what is lost, and what to do.
 *
 * @param several whether the command reads several archives: then the lines name the archive
 */
export function verificationLines(event: StreamVerified, several: boolean, style: Style): string[] {
  const { stream, failures, losses, intact } = event;
  const name = `${printable(stream.title)} ${style.faint(stream.uuid.slice(0, 8))}`;
  const state = failures.length > 0 ? style.bad('damaged') : style.good('good');
  const lines = [`${state}  ${name}${several ? ` in ${oneLine(event.archive)}` : ''}`];
  for (const { message } of failures.slice(0, FAILURES_SHOWN)) {
    lines.push(`  ${style.bad('found:')} ${oneLine(message)}`);
  }
  if (failures.length > FAILURES_SHOWN) {
    lines.push(`    and ${failures.length - FAILURES_SHOWN} more`);
  }
  lines.push(...lossLines(losses));
  if (failures.length > 0 && intact) {
    lines.push('  nothing is lost: the whole stream can be read all the same');
  }
  lines.push(...chainLines(event, style));
  for (const hint of new Set(failures.map((failure) => failure.hint))) {
    if (hint !== undefined) lines.push(`  ${style.strong('hint:')} ${oneLine(hint)}`);
  }
  return lines;
}

/** `repaired  streams/home.1…  0001.btrfs.zst, 2 blocks` */
export function repairLine(event: StreamRepaired, style: Style): string {
  const { directory, files, blocks } = event;
  const amount = blocks === 0 ? '' : `, ${count(blocks, 'block')}`;
  return `${style.good('repaired')}  ${oneLine(`${files.join(', ')}${amount}, in ${directory}`)}`;
}

function lossLines(losses: StreamVerified['losses']): string[] {
  const lines: string[] = [];
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
  return lines;
}

/** Lists the requirements of a stream, and the streams that need it. */
function chainLines(event: StreamVerified, style: Style): string[] {
  const { intact, missing, elsewhere, adoptable, dependents, conflicting } = event;
  const lines: string[] = [];
  const needs = (identity: NamedIdentity) =>
    `  ${style.caution('needs')} ${identityText(identity)}, which`;
  if (conflicting) {
    lines.push(`  ${style.bad('conflict:')} its UUID is here with other contents too`);
  }
  lines.push(...missing.map((each) => `${needs(each)} is in none of these archives`));
  for (const each of elsewhere) {
    lines.push(`${needs(each)} only filesystem ${each.filesystem} has, by its receipt`);
  }
  lines.push(...adoptable.map((each) => `${needs(each)} a destination has, or adopts a copy as`));
  for (const dependent of dependents) {
    const what = intact ? 'imported' : 'restored';
    lines.push(oneLine(`  can't be ${what} without it: ${streamText(dependent)}`));
  }
  return lines;
}
