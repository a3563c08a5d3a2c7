import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { shellWord } from '../../src/names/shell.ts';

test.each([
  ['/home/.snapshots/1', '/home/.snapshots/1'],
  ['two words', "'two words'"],
  ["it's", "'it'\\''s'"],
  ['', "''"],
  ['Ünïcode 日本', "'Ünïcode 日本'"],
  ['a\nb', "$'a\\012b'"],
])('quotes %j', (text, word) => {
  expect(shellWord(text)).toBe(word);
});

test('bash reads any bytes back as one word', () => {
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 20 }).map((raw) => raw.map((b) => b || 1));
  fc.assert(
    fc.property(fc.array(bytes, { minLength: 1, maxLength: 5 }), (words) => {
      const line = words.map((word) => shellWord(Buffer.from(word))).join(' ');
      const out = execFileSync('bash', ['-c', `printf '%s\\0' ${line}`]);
      const expected = Buffer.concat(words.flatMap((word) => [Buffer.from(word), Buffer.of(0)]));
      expect(out).toEqual(expected);
    }),
    { numRuns: 50 },
  );
});
