import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type DraftSettings,
  journalFrames,
  journalLine,
  journalStart,
  type WrittenFrame,
  weighJournal,
} from '../../../src/archive/write/journal.ts';
import { FRAME_SIZE, MAX_STORED_SIZE } from '../../../src/zstd/frame.ts';

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

const frame: fc.Arbitrary<WrittenFrame> = fc.record({
  part: fc.integer({ min: 0, max: 9998 }),
  size: fc.integer({ min: 1, max: MAX_STORED_SIZE }),
  length: fc.integer({ min: 1, max: FRAME_SIZE }),
});

const written = (frames: readonly WrittenFrame[]) =>
  journalStart(settings) + frames.map(journalLine).join('');

/** The bytes of a text, in pieces that end anywhere. */
async function* inPieces(text: string, size = 7): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < text.length; at += size) yield Buffer.from(text.slice(at, at + size));
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

const weigh = (text: string, change: Partial<DraftSettings> = {}) =>
  weighJournal(inPieces(text), text.length, { ...settings, ...change });

/** The frames of a journal, and that as many are counted. */
async function framesIn(text: string): Promise<WrittenFrame[]> {
  const frames = await all(journalFrames(inPieces(text.slice(journalStart(settings).length))));
  expect(await weigh(text)).toEqual({ frames: frames.length, useless: undefined });
  return frames;
}

describe('the journal of a draft', () => {
  it('gives back the frames that were written', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(frame), async (frames) => {
        expect(await framesIn(written(frames))).toEqual(frames);
      }),
    );
  });

  it('gives the frames of all complete lines if it is cut short', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(frame, { minLength: 1, maxLength: 3 }), async (frames) => {
        const text = written(frames);
        for (let end = journalStart(settings).length; end < text.length; end++) {
          const lines = text.slice(0, end).split('\n').length - 2;
          expect(await framesIn(text.slice(0, end))).toEqual(frames.slice(0, lines));
        }
      }),
      { numRuns: 20 },
    );
  });

  it('is damaged if its first line is cut short, and lists nothing if it is empty', async () => {
    const damaged = { frames: 0, useless: 'its journal is damaged' };
    for (let end = 1; end < journalStart(settings).length; end++) {
      expect(await weigh(written([]).slice(0, end))).toEqual(damaged);
    }
    expect(await weigh('')).toEqual({ frames: 0, useless: undefined });
  });

  it('ignores everything after an invalid line', async () => {
    const one: WrittenFrame = { part: 0, size: 5, length: 9 };
    const after = journalLine(one);
    const lines = ['', '\0\0\0\0', '0 5', '0 5 x', '-1 5 9', '0 5 9 1'];
    const others = ['0 05 9', '00 5 9', '0 0 9', '0 5 0', '0 2999999 9'];
    for (const line of [...lines, ...others, '0 5 2999999']) {
      expect(await framesIn(`${written([one])}${line}\n${after}`)).toEqual([one]);
    }
  });

  it.each<[string, Partial<DraftSettings>, string]>([
    ['snapshot', { uuid: 'bbbbbbbb-cccc-dddd-eeee-ffffffffffff' }, 'another snapshot'],
    ['state of it', { ctransid: '7' }, 'another state of the snapshot'],
    ['parent', { parent: null }, 'another parent'],
    ['clone sources', { cloneSources: [] }, 'other clone sources'],
    ['protocol', { protocol: 1 }, 'protocol 2'],
    ['compressed data', { compressedData: false }, 'data sent compressed'],
    ['level', { level: 4 }, 'level 3'],
    ['size of parts', { maxPartSize: 1 }, 'parts of up to 4294967295 bytes'],
  ])('does not fit another %s', async (_, change, other) => {
    const one: WrittenFrame = { part: 0, size: 5, length: 9 };
    const useless = `it was made with ${other}`;
    expect(await weigh(written([one]), change)).toEqual({ frames: 0, useless });
    expect(await weigh(written([]), change)).toEqual({ frames: 0, useless: undefined });
  });

  it('is rejected if its format is another one or none', async () => {
    const damaged = { frames: 0, useless: 'its journal is damaged' };
    expect(await weigh(`${written([]).replace('journal 1', 'journal 2')}x`)).toEqual(damaged);
    expect(await weigh('dear diary')).toEqual(damaged);
  });

  it('is not read beyond a line without an end', async () => {
    let pieces = 0;
    const endless = async function* () {
      for (;;) {
        pieces++;
        yield Buffer.alloc(2 ** 20);
      }
    };
    const damaged = { frames: 0, useless: 'its journal is damaged' };
    expect(await weighJournal(endless(), 2 ** 40, settings)).toEqual(damaged);
    expect(await all(journalFrames(endless()))).toEqual([]);
    expect(pieces).toBeLessThan(10);
  });
});
