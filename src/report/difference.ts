import type { FingerprintPlanned } from '../events/fingerprint.ts';
import type { ByteString } from '../names/byte-string.ts';
import type { DifferenceKind } from '../names/difference.ts';
import { oneLine, printable } from '../names/printable.ts';
import { streamText } from '../names/title.ts';
import type { Style } from './style.ts';

/** Words for the kinds of differences, as the copy shows them. */
const words: Readonly<Record<DifferenceKind, string>> = {
  missing: 'missing',
  extra: 'extra',
  type: 'other type',
  contents: 'contents',
  target: 'target',
  device: 'device',
  links: 'hard links',
  mode: 'mode',
  owner: 'owner',
  mtime: 'time',
  xattrs: 'attributes',
};

/** `contents, time   dir/file` */
export function differenceLine(
  path: ByteString,
  kinds: readonly DifferenceKind[],
  style: Style,
): string {
  const what = kinds.map((kind) => words[kind]).join(', ');
  const place = printable(path);
  return `${style.caution(what.padEnd(14))}  ${place === '' ? '.' : place}`;
}

/** One line for the plan of a fingerprint. */
export function fingerprintPlanLines(event: FingerprintPlanned, style: Style): string[] {
  const { stream, archive, directory, present } = event;
  const what = present ? 'check the fingerprint' : 'make a fingerprint';
  const place = `${oneLine(archive)}/${oneLine(directory)}`;
  return [`${style.strong(what)}  ${streamText(stream)}  ${place}`];
}
