import { describe, expect, it } from 'vitest';
import type { Event } from '../../src/events/event.ts';
import type { ImportResult } from '../../src/events/import.ts';
import type { Progress, StreamBegun } from '../../src/events/stream.ts';
import { Failure } from '../../src/failure/failure.ts';
import { reporterFor } from '../../src/report/choose.ts';
import { colourful } from '../../src/report/style.ts';
import { capture } from './capture.ts';

const a = { name: 'snapshot', title: 'home.1', uuid: '11111111-0000-0000-0000-000000000000' };
const b = { name: 'snapshot', title: 'home.2', uuid: '22222222-0000-0000-0000-000000000000' };
const odd = { base64: '/2E=' };
const c = { name: odd, title: odd, uuid: '33333333-0000-0000-0000-000000000000' };
const MiB = 1024 ** 2;

const begun: StreamBegun = {
  type: 'stream-begun',
  action: 'import',
  stream: a,
  index: 1,
  count: 3,
};
const progress = (bytes: number, total?: number): Progress => ({
  type: 'progress',
  action: 'import',
  bytes,
  total,
  stored: bytes / 2,
});
const missing = (name: string) =>
  new Failure('parent-missing', `${name}: its parent is missing`, { hint: 'give the archive' });

const importPlanned = (dryRun: boolean): Event => ({
  type: 'import-planned',
  into: '/backup',
  dryRun,
  steps: [
    { stream: a, as: 'home.1', parent: null, length: 10, stored: 5 * MiB },
    { stream: b, as: 'b', parent: { uuid: a.uuid, ctransid: '7' }, length: 10, stored: 900 },
  ],
  only: [],
  present: [c],
  refused: [
    { ...b, failure: missing('home.2') },
    { ...c, failure: missing('other') },
  ],
});

const exportPlanned: Event = {
  type: 'export-planned',
  archives: ['/mnt/usb'],
  dryRun: true,
  steps: [
    {
      snapshot: a,
      path: '/s/1',
      parent: null,
      cloneSources: [],
      reason: 'full: the first',
      archives: ['/mnt/usb'],
    },
    {
      snapshot: b,
      path: '/s/2',
      parent: a,
      cloneSources: [c],
      reason: 'follows',
      archives: ['/mnt/usb'],
    },
  ],
  skipped: [c],
};

const done: Event = {
  type: 'stream-done',
  action: 'import',
  stream: a,
  at: '/backup/home.1',
  bytes: 2 * MiB,
  stored: MiB,
  seconds: 12,
};

const result: ImportResult = {
  type: 'result',
  command: 'import',
  exit: 3,
  done: 2,
  skipped: 1,
  refused: 1,
  bytes: 4 * MiB,
  stored: 2 * MiB,
  seconds: 75,
  withheld: 0,
  dryRun: false,
};

function report(events: readonly Event[], options: { json?: boolean; quiet?: boolean } = {}) {
  const output = capture();
  let time = 0;
  const reporter = reporterFor(
    output,
    { json: options.json ?? false, quiet: options.quiet ?? false },
    () => (time += 400),
  );
  for (const event of events) reporter.emit(event);
  reporter.close();
  return output;
}

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

  it('of an import, on stdout where it is all that is asked for', () => {
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

  it('are told with their UUIDs in a plan and a refusal', () => {
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

  it('are told with their UUIDs on the way', () => {
    const events: Event[] = [
      { ...begun, stream: twin },
      { ...(done as Event & { type: 'stream-done' }), stream: twin },
    ];
    expect(report(events).errLines).toEqual([
      'receiving 1 of 3  home.1 44444444',
      'done  home.1 44444444  2.0 MiB from 1.0 MiB in 12 s',
    ]);
  });

  it('are told by title and UUID in JSON', () => {
    const { outLines } = report([{ ...begun, stream: twin }], { json: true });
    expect(JSON.parse(outLines[0] as string).stream).toEqual(twin);
  });
});

describe('lines for people', () => {
  it('a refusal that came with the plan is not told again', () => {
    const refused: Event = { type: 'stream-refused', stream: b, failure: missing('home.2') };
    expect(report([refused]).errLines).toHaveLength(2);
    const told = report([importPlanned(false)]).errLines;
    expect(report([importPlanned(false), refused]).errLines).toEqual(told);
  });

  it('the result in one line on stdout, warnings and errors on stderr', () => {
    const warning: Event = { type: 'warning', code: 'name-taken', message: 'taken', hint: 'look' };
    const { outLines, errLines } = report([warning, done, result]);
    expect(outLines).toEqual([
      'received 2 streams, 4.0 MiB from 2.0 MiB in 1 min 15 s; 1 there already, 1 refused',
    ]);
    expect(errLines).toEqual([
      'warning: taken',
      'hint: look',
      'done  home.1  2.0 MiB from 1.0 MiB in 12 s',
    ]);
    const quiet = report([begun, progress(1), warning, done, result], { quiet: true });
    expect([quiet.outLines, quiet.errLines]).toEqual([[], ['warning: taken', 'hint: look']]);
  });

  it.each([
    [{ done: 0, skipped: 3, refused: 0 }, 'nothing to receive; 3 there already'],
    [{ done: 0, skipped: 0, refused: 2 }, 'nothing received; 2 refused'],
    [{ done: 0, skipped: 0, refused: 0, dryRun: true }, 'nothing was received: this was a dry run'],
    [
      { command: 'export', done: 1, skipped: 0, refused: 0 },
      'exported 1 snapshot, 4.0 MiB as 2.0 MiB in 1 min 15 s',
    ],
    [
      { done: 0, refused: 2, withheld: 3 },
      'nothing received; 2 refused; --partial receives the other 3',
    ],
  ])('result %j', (change, line) => {
    expect(report([{ ...result, ...change } as Event]).outLines).toEqual([line]);
  });

  it('a defect says that it is one', () => {
    const output = capture();
    reporterFor(output, { json: false, quiet: false }).failed('list', new TypeError('x is not y'));
    expect(output.errLines[0]).toBe('error: internal error: x is not y');
    expect(output.errLines[1]).toMatch(/^hint: .*BTRFERRY_DEBUG=1/);
    expect(output.errLines).toHaveLength(2);
  });

  it('long messages broken between words on a terminal, and whole in a file', () => {
    const words = 'a message that says where and why, at some length, as it has to be said here';
    const long = new Failure('usage', `${words}: ${words}`, { hint: words });
    const told = (interactive: boolean) => {
      const output = capture({ interactive });
      reporterFor(output, { json: false, quiet: false }).failed('list', long);
      return output.errLines;
    };
    expect(told(false)).toEqual([`error: ${words}: ${words}`, `hint: ${words}`]);
    for (const line of told(true)) expect(line.length).toBeLessThanOrEqual(80);
    expect(told(true)).toHaveLength(5);
    expect(
      told(true)
        .map((line) => line.trim())
        .join(' '),
    ).toBe(told(false).join(' '));
  });

  it('what doctor looked at, in columns within 80', () => {
    const long = 'words '.repeat(20).trim();
    const { outLines } = report([
      { type: 'checked', what: 'root', state: 'good', found: 'yes' },
      { type: 'checked', what: 'btrfs-progs', state: 'missing', found: long, hint: 'apt' },
      { type: 'result', command: 'doctor', exit: 6, missing: ['btrfs-progs'] },
    ]);
    expect(outLines[0]).toBe('good     root         yes');
    expect(outLines[1]).toMatch(/^missing {2}btrfs-progs {2}words words/);
    expect(outLines.slice(-2)).toEqual([
      '                      apt',
      'export and import cannot run here: btrfs-progs',
    ]);
    expect(Math.max(...outLines.map((line) => line.length))).toBeLessThan(80);
  });

  it('commands and what a stream is', () => {
    const { outLines } = report([
      { type: 'command', offset: 17, command: 'CHMOD', attributes: { path: 'a\x1b', mode: 493 } },
      {
        type: 'stream-inspected',
        file: '-',
        name: 'home.1',
        protocol: 2,
        kind: 'incremental',
        identity: { uuid: a.uuid, ctransid: '7' },
        parent: { uuid: b.uuid, ctransid: '6' },
        cloneSources: [],
        length: 2048,
        commands: { END: 1, WRITE: 12 },
        written: 1024,
        cloned: 512,
        noData: false,
        compressedData: true,
      },
    ]);
    expect(outLines).toEqual([
      '          17 CHMOD         path=a\\x1b mode=0755',
      'stream from stdin',
      'name       home.1',
      'kind       incremental',
      `uuid       ${a.uuid} (ctransid 7)`,
      `parent     ${b.uuid} (ctransid 6)`,
      'protocol   version 2, compressed data',
      'length     2.0 KiB (2048 bytes)',
      'file data  1.0 KiB',
      'cloned     512 B',
      '13 commands',
      '  WRITE  12',
      '  END     1',
    ]);
  });
});

describe('progress', () => {
  it('as lines: begin and end of a stream, and one each ten seconds', () => {
    const events = Array.from({ length: 60 }, (_, at) => progress(at * MiB, 100 * MiB));
    const { errLines } = report([begun, ...events, done]);
    expect(errLines[0]).toBe('receiving 1 of 3  home.1');
    expect(errLines[1]).toMatch(
      /^ {2}\d+% {2}[\d.]+ MiB of 100\.0 MiB {2}[\d.]+ MiB\/s {2}.* left$/,
    );
    expect(errLines.length).toBeGreaterThan(3);
    expect(errLines.length).toBeLessThan(8);
  });

  it('drawn in place on a terminal, in two lines within its width', () => {
    const output = capture({ interactive: true, style: colourful });
    let time = 0;
    const reporter = reporterFor(output, { json: false, quiet: false }, () => (time += 1000));
    const long = { ...begun, stream: { ...a, title: 'x'.repeat(200) } };
    for (const event of [long, progress(MiB, 4 * MiB), progress(2 * MiB), done]) {
      reporter.emit(event);
    }
    const bare = output.drawings.map((lines) =>
      // biome-ignore lint/suspicious/noControlCharactersInRegex: colours
      lines.map((line) => line.replace(/\x1b\[\d+m/g, '')),
    );
    expect(bare[0]?.[0]).toMatch(/^receiving 1 of 3 {2}x+…$/);
    expect(bare[1]?.[1]).toBe('  ████░░░░░░░░░░   25%  1.0 MiB of 4.0 MiB  1.0 MiB/s  3.0 s left');
    expect(bare[2]?.[1]).toBe('  2.0 MiB  1.0 MiB/s  1.0 MiB stored');
    expect(bare[3]).toEqual([]);
    expect(Math.max(...bare.flat().map((line) => line.length))).toBeLessThan(81);
    expect(output.errLines).toHaveLength(1);
  });
});

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
