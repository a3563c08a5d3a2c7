import type { StreamName } from '../archive/title.ts';
import { bytesFromText } from '../manifest/text.ts';
import { printable } from '../sendstream/paths.ts';

/** What people are told of a stream: its title and, where that fits several, its UUID's beginning. */
export function streamText({ title, uuid, ambiguous }: StreamName): string {
  const text = printable(bytesFromText(title));
  return ambiguous === true ? `${text} ${uuid.slice(0, 8)}` : text;
}
