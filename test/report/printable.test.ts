import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byteString } from '../../src/names/byte-string.ts';
import { jsonLine, oneLine, printable } from '../../src/names/printable.ts';

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNSAFE = /[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]/;

describe('output to a terminal', () => {
  it.each([
    ['an escape sequence', '\x1b[2Jname', '\\x1b[2Jname'],
    ['a newline', 'two\nlines', 'two\\x0alines'],
    ['a C1 control character', 'a\u009b31m', 'a\\xc2\\x9b31m'],
    ['a turn of direction', 'a\u202egpj.exe', 'a\\xe2\\x80\\xaegpj.exe'],
    ['letters of any script', 'Ärger 日本語 🙂', 'Ärger 日本語 🙂'],
  ])('escapes %s in a name or message', (_, text, shown) => {
    expect(oneLine(text)).toBe(shown);
    expect(printable(text)).toBe(shown);
  });

  it('escapes a name that is not UTF-8', () => {
    expect(printable({ base64: Buffer.from([0x61, 0xff, 0x1b, 0x62]).toString('base64') })).toBe(
      'a\\xff\\x1bb',
    );
  });

  it('any name, message and JSON is safe, and JSON means the same', () => {
    const bytes = fc.uint8Array({ maxLength: 40 });
    fc.assert(
      fc.property(bytes, fc.string({ unit: 'binary', maxLength: 40 }), (raw, text) => {
        expect(printable(byteString(raw))).not.toMatch(UNSAFE);
        expect(oneLine(text)).not.toMatch(UNSAFE);
        const json = jsonLine(JSON.stringify({ text }));
        expect(json).not.toMatch(UNSAFE);
        expect(JSON.parse(json)).toEqual({ text });
      }),
    );
  });
});
