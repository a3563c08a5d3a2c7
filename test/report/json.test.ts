import { describe, expect, it } from 'vitest';
import type { Event } from '../../src/events/event.ts';
import { reporterFor } from '../../src/report/choose.ts';
import { capture } from './capture.ts';
import { b, missing, progress, report, result } from './events.ts';

describe('JSON lines', () => {
  it('each event as it is, failures as members, progress once a second', () => {
    const refused: Event = { type: 'stream-refused', stream: b, failure: missing('home.2') };
    const ticks = Array.from({ length: 10 }, (_, at) => progress(at));
    const { outLines, errLines } = report([refused, ...ticks, result], { json: true });
    const parsed = outLines.map((line) => JSON.parse(line));
    expect(parsed[0]).toEqual({
      type: 'stream-refused',
      stream: b,
      failure: {
        code: 'parent-missing',
        message: 'home.2: its parent is missing',
        hint: 'give the archive',
        where: {},
        exit: 5,
      },
    });
    expect(parsed.at(-1)).toMatchObject({
      type: 'result',
      exit: 3,
      summary: expect.stringMatching(/^received 2/),
    });
    const shown = parsed.filter(({ type }) => type === 'progress').length;
    expect(shown).toBeGreaterThan(1);
    expect(shown).toBeLessThan(6);
    expect(errLines).toEqual([]);
  });

  it('a thrown error ends in a result', () => {
    const output = capture();
    reporterFor(output, { json: true, quiet: false }).failed('list', new Error('odd'));
    expect(JSON.parse(output.outLines[0] ?? '')).toMatchObject({
      type: 'result',
      command: 'list',
      exit: 1,
      failure: { code: 'internal', message: 'internal error: odd', exit: 1 },
    });
  });
});
