import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import { colourful } from '../../src/report/style.ts';
import { fold, shorten, table, wrap } from '../../src/report/table.ts';

describe('table', () => {
  it('lines columns up by their width on a terminal, colours and wide letters included', () => {
    const rows = [
      ['日本', '1', 'x'],
      [colourful.bad('a'), '10'],
    ];
    const [first = '', second = ''] = table(rows, [{}, { align: 'right' }, {}]);
    expect(first).toBe('日本   1  x');
    expect(stringWidth(second)).toBe('a     10'.length);
  });

  it('leaves out empty columns, and lets long cells stand out', () => {
    const rows = [
      ['a', '', '1'],
      ['abcdefgh', '', '2'],
    ];
    expect(table(rows, [{ most: 3 }, {}, {}])).toEqual(['a    1', 'abcdefgh  2']);
  });

  it('folds lines, but never a command that people copy', () => {
    expect(fold('  found: one two', 80)).toEqual(['  found: one two']);
    expect(fold('  found: one two', 12)).toEqual(['  found:', '    one two']);
    expect(fold('hint: send it: btrfs send a b c d', 16)).toEqual([
      'hint: send it:',
      '  btrfs send a b c d',
    ]);
    expect(fold('hint: by hand: cat *.zst | zstd -d', 16)).toEqual([
      'hint: by hand:',
      '  cat *.zst | zstd -d',
    ]);
  });

  it('wraps between words, and shortens', () => {
    expect(wrap('one two three', 7)).toEqual(['one two', 'three']);
    expect(wrap('incomprehensibilities', 7)).toEqual(['incomprehensibilities']);
    expect(shorten('日本語', 5)).toBe('日本…');
    expect(shorten('short', 5)).toBe('short');
  });
});
