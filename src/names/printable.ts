import { isUtf8 } from 'node:buffer';

/**
 * Characters that a terminal must not receive: control characters (an escape sequence can rewrite
 * the screen or type for the user), line separators, unpaired surrogates, and characters that
 * change the writing direction and so make one name look like another.
 */
const UNSAFE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;
const unsafe = new RegExp(UNSAFE.source, 'u');

/**
 * A name or path for people: valid UTF-8 stays, a backslash is doubled, and each byte of an unsafe
 * character or of invalid UTF-8 becomes \xNN. Different names never give the same text.
 */
export function printable(name: Uint8Array | string | { readonly base64: string }): string {
  if (typeof name === 'string') return printableBytes(Buffer.from(name));
  return printableBytes('base64' in name ? Buffer.from(name.base64, 'base64') : name);
}

function printableBytes(bytes: Uint8Array): string {
  if (isUtf8(bytes)) {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
    if (!text.includes('\\') && !unsafe.test(text)) return text;
  }
  let text = '';
  for (let i = 0; i < bytes.length; ) {
    const length = characterLength(bytes[i] as number);
    const character = bytes.subarray(i, i + length);
    const whole = isUtf8(character);
    const shown = whole ? Buffer.from(character).toString('utf8') : undefined;
    if (shown === '\\') text += '\\\\';
    else if (shown !== undefined && !unsafe.test(shown)) text += shown;
    else for (const byte of whole ? character : bytes.subarray(i, i + 1)) text += escaped(byte);
    i += whole ? length : 1;
  }
  return text;
}

/** Length of the UTF-8 character that begins with this byte; 1 if no character does. */
function characterLength(lead: number): number {
  if (lead >= 0xf0) return 4;
  if (lead >= 0xe0) return 3;
  return lead >= 0xc0 ? 2 : 1;
}

/** A message, path or label on one line, with unsafe characters as \xNN. */
export function oneLine(text: string): string {
  return text.replace(UNSAFE, (character) =>
    Array.from(Buffer.from(character), (byte) => escaped(byte)).join(''),
  );
}

/** JSON text with unsafe characters as JSON escapes: it parses to the same value. */
export function jsonLine(json: string): string {
  return json.replace(UNSAFE, (character) => `\\u${hex(character.charCodeAt(0), 4)}`);
}

function escaped(byte: number): string {
  return `\\x${hex(byte, 2)}`;
}

function hex(number: number, digits: number): string {
  return number.toString(16).padStart(digits, '0');
}
