import { describe, expect, it } from 'vitest';
import type { Event } from '../../src/events/event.ts';
import { Failure } from '../../src/failure/failure.ts';
import { reporterFor } from '../../src/report/choose.ts';
import { capture } from './capture.ts';
import { a, b, begun, done, importPlanned, missing, progress, report, result } from './events.ts';

describe('lines for people', () => {
  it('a refusal that came with the plan is not printed again', () => {
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

  it('a defect is printed as one', () => {
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

  it('the findings of doctor, in columns within 80', () => {
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

  it('commands and the description of a stream', () => {
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
