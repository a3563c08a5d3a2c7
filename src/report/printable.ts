import { bytesFromText, type Text } from '../manifest/text.ts';
import type { NamedIdentity } from '../operations/event.ts';
import { printable } from '../sendstream/paths.ts';

/**
 * What a terminal must not be given as it is: control characters (an escape sequence can rewrite
 * the screen, or type for the user), other line ends, halves of surrogate pairs, and what turns
 * the direction of writing and so makes a name look like another.
 */
const UNSAFE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;

/** A name of any bytes for people; no two names give the same text. */
export function nameText(name: Text): string {
  return printable(bytesFromText(name));
}

/** What a stream needs, for people. */
export function identityText({ name, uuid }: NamedIdentity): string {
  return name === undefined ? uuid : `${nameText(name)} (${uuid})`;
}

/** A message, path or label in one line that a terminal shows as it stands. */
export function oneLine(text: string): string {
  return text.replace(UNSAFE, (character) =>
    Array.from(Buffer.from(character), (byte) => `\\x${hex(byte, 2)}`).join(''),
  );
}

/** JSON text with the same characters escaped as JSON has it: it means the same. */
export function jsonLine(json: string): string {
  return json.replace(UNSAFE, (character) => `\\u${hex(character.charCodeAt(0), 4)}`);
}

function hex(number: number, digits: number): string {
  return number.toString(16).padStart(digits, '0');
}
