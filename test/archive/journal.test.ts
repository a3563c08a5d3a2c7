import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type DraftSettings,
  journalLine,
  journalStart,
  parseJournal,
  type WrittenFrame,
} from '../../src/archive/journal.ts';

const settings: DraftSettings = {
  uuid: '11111111-2222-3333-4444-555555555555',
  ctransid: '18446744073709551615',
  parent: '66666666-7777-8888-9999-aaaaaaaaaaaa',
  cloneSources: ['bbbbbbbb-cccc-dddd-eeee-ffffffffffff'],
  protocol: 2,
  compressedData: true,
  level: 3,
  maxPartSize: 4 * 1024 ** 3 - 1,
};

const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const frame: fc.Arbitrary<WrittenFrame> = fc.record({
  part: fc.integer({ min: 0, max: 9998 }),
  size: fc.integer({ min: 0, max: 2 ** 22 }),
  length: fc.integer({ min: 1, max: 2 ** 21 }),
  xxh64: u64,
  storedXxh64: u64,
});

const written = (frames: readonly WrittenFrame[]) =>
  journalStart(settings) + frames.map(journalLine).join('');

describe('the journal of a draft', () => {
  it('gives back the frames that were written', () => {
    fc.assert(
      fc.property(fc.array(frame), (frames) => {
        expect(parseJournal(written(frames), settings)).toEqual(frames);
      }),
    );
  });

  it('cut short anywhere, gives the frames whose lines are whole', () => {
    fc.assert(
      fc.property(fc.array(frame, { minLength: 1, maxLength: 3 }), (frames) => {
        const text = written(frames);
        for (let end = 0; end < text.length; end++) {
          const found = parseJournal(text.slice(0, end), settings);
          if (end < journalStart(settings).length) expect(found).toBeUndefined();
          else {
            const lines = text.slice(0, end).split('\n').length - 2;
            expect(found).toEqual(frames.slice(0, lines));
          }
        }
      }),
      { numRuns: 20 },
    );
  });

  it('passes over all behind a line that makes no sense', () => {
    const one: WrittenFrame = { part: 0, size: 5, length: 9, xxh64: 1n, storedXxh64: 2n };
    const after = journalLine(one);
    for (const line of ['', '\0\0\0\0', '0 5 9 1', '0 5 9 1 x', '-1 5 9 1 2', `0 5 9 1 2 3`]) {
      const text = `${written([one])}${line}\n${after}`;
      expect(parseJournal(text, settings)).toEqual([one]);
    }
  });

  it.each<[string, Partial<DraftSettings>]>([
    ['snapshot', { uuid: 'bbbbbbbb-cccc-dddd-eeee-ffffffffffff' }],
    ['state of it', { ctransid: '7' }],
    ['parent', { parent: null }],
    ['clone sources', { cloneSources: [] }],
    ['protocol', { protocol: 1 }],
    ['compressed data', { compressedData: false }],
    ['level', { level: 4 }],
    ['size of parts', { maxPartSize: 1 }],
  ])('is of no use for another %s', (_, change) => {
    expect(parseJournal(written([]), { ...settings, ...change })).toBeUndefined();
  });

  it('is of no use when it is of another format', () => {
    expect(parseJournal(written([]).replace('journal 1', 'journal 2'), settings)).toBeUndefined();
    expect(parseJournal('', settings)).toBeUndefined();
  });
});
