import { describe, expect, it } from 'vitest';
import type { Event } from '../../src/events/event.ts';
import { a, b, begun, done, exportPlanned, importPlanned, missing, report } from './events.ts';

describe('plans', () => {
  it('of an export', () => {
    expect(report([exportPlanned]).outLines).toEqual([
      'export 2 snapshots to /mnt/usb',
      '1  home.1 11111111',
      '   full: the first',
      '2  home.2 22222222',
      '   from home.1 11111111: follows',
      '   clone source \\xffa 33333333',
      'in the archive already  \\xffa 33333333',
    ]);
  });

  it('of an import, on stdout in a dry run', () => {
    const plan = [
      'receive 2 streams, 5.0 MiB, into /backup',
      '1  home.1       full         5.0 MiB',
      '2  home.2 as b  from home.1    900 B',
    ];
    const refused = [
      'refused: home.2: its parent is missing',
      'refused: \\xffa: other: its parent is missing',
      'hint: give the archive',
    ];
    const dry = report([importPlanned(true)]);
    expect(dry.outLines).toEqual([...plan, 'there already  \\xffa 33333333']);
    expect(dry.errLines).toEqual(refused);
    const real = report([importPlanned(false)]);
    expect(real.outLines).toEqual([]);
    expect(real.errLines).toEqual([...plan, ...refused]);
    expect(report([importPlanned(false)], { quiet: true }).errLines).toEqual(refused);
  });
});

describe('streams of the same title', () => {
  const twin = { ...a, uuid: '44444444-0000-0000-0000-000000000000', ambiguous: true } as const;
  const first = { ...a, ambiguous: true } as const;
  const step = { parent: null, length: 10, stored: 900 };
  const planned: Event = {
    ...(importPlanned(true) as Event & { type: 'import-planned' }),
    steps: [
      { ...step, stream: first, as: 'home.1.11111111' },
      { ...step, stream: twin, as: 'one', parent: { uuid: a.uuid, ctransid: '7' } },
      { ...step, stream: twin, as: 'alpha-home.1' },
    ],
    only: [
      { word: 'home.1', streams: [first, twin] },
      { word: 'home.2', streams: [b] },
    ],
    present: [],
    refused: [{ ...twin, failure: missing('home.1 44444444') }],
  };

  it('have their UUIDs in a plan and a refusal', () => {
    const { outLines, errLines } = report([planned]);
    expect(outLines).toEqual([
      '--only home.1 fits 2 streams: home.1 11111111, home.1 44444444',
      'receive 3 streams, 2.6 KiB, into /backup',
      '1  home.1.11111111         full                  900 B',
      '2  home.1 as one 44444444  from home.1 11111111  900 B',
      '3  alpha-home.1 44444444   full                  900 B',
    ]);
    expect(errLines[0]).toBe('refused: home.1 44444444: its parent is missing');
  });

  it('have their UUIDs in progress', () => {
    const events: Event[] = [
      { ...begun, stream: twin },
      { ...(done as Event & { type: 'stream-done' }), stream: twin },
    ];
    expect(report(events).errLines).toEqual([
      'receiving 1 of 3  home.1 44444444',
      'done  home.1 44444444  2.0 MiB from 1.0 MiB in 12 s',
    ]);
  });

  it('have title and UUID in JSON', () => {
    const { outLines } = report([{ ...begun, stream: twin }], { json: true });
    expect(JSON.parse(outLines[0] as string).stream).toEqual(twin);
  });
});
