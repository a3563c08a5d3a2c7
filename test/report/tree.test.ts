import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import type { ArchiveListed, StreamListed } from '../../src/events/list.ts';
import { Failure } from '../../src/failure/failure.ts';
import { colourful, plain } from '../../src/report/style.ts';
import { archiveLines } from '../../src/report/tree.ts';

const uuid = (digit: string) =>
  `${digit.repeat(8)}-${digit.repeat(4)}-${digit.repeat(4)}-${digit.repeat(4)}-${digit.repeat(12)}`;
const at = (day: number) => new Date(2026, 10, day, 10).toISOString();

function stream(
  name: string,
  id: string,
  parent: string | null,
  change: Partial<StreamListed> = {},
): StreamListed {
  return {
    type: 'stream-listed',
    stream: { name, title: name, uuid: uuid(id) },
    archive: '/mnt/usb',
    directory: `streams/${name}`,
    host: 'alpha',
    path: `/snapshots/${name}`,
    kind: parent === null ? 'full' : 'incremental',
    ctransid: '1',
    parent: parent === null ? null : { uuid: uuid(parent), ctransid: '1' },
    cloneSources: [],
    missing: [],
    conflicting: false,
    restorable: true,
    length: 1,
    parity: 0,
    stored: parent === null ? 398_667_776 : 12_687_770,
    createdAt: at(30),
    snapshotCreatedAt: at(Number.parseInt(id, 16)),
    ...change,
  };
}

const archive: ArchiveListed = {
  type: 'archive-listed',
  archive: '/mnt/usb',
  id: uuid('0'),
  label: 'holiday drive',
  streams: 3,
  stored: 432_013_312,
  damaged: [],
  unfinished: [],
};

describe('archive as a tree', () => {
  it('chains of the same title name their sources', () => {
    const of = (id: string, parent: string | null, host: string | null) =>
      stream('home', id, parent, {
        host,
        stream: { name: 'snapshot', title: 'home.1', uuid: uuid(id), ambiguous: true },
      });
    const streams = [of('1', null, 'alpha'), of('2', '1', 'alpha'), of('3', null, null)];
    expect(archiveLines(archive, streams, [], plain).slice(1)).toEqual([
      '├─ home.1  full  380.2 MiB  2026-11-01 10:00  11111111',
      '│    from alpha, /snapshots/home',
      '│  home.1        +12.1 MiB  2026-11-02 10:00  22222222',
      '└─ home.1  full  380.2 MiB  2026-11-03 10:00  33333333',
      '     from an unknown host, /snapshots/home',
    ]);
  });

  it('a chain stands in one column', () => {
    const streams = [
      stream('home.1', '1', null),
      stream('home.2', '2', '1'),
      stream('h', '3', '2'),
    ];
    expect(archiveLines(archive, streams, [], plain)).toEqual([
      'archive /mnt/usb  3 streams  412.0 MiB  "holiday drive"',
      '└─ home.1  full  380.2 MiB  2026-11-01 10:00  11111111',
      '   home.2        +12.1 MiB  2026-11-02 10:00  22222222',
      '   h             +12.1 MiB  2026-11-03 10:00  33333333',
    ]);
  });

  it('streams on the same parent branch off', () => {
    const streams = [
      stream('a', '1', null),
      stream('b', '2', '1'),
      stream('c', '3', '2'),
      stream('d', '4', '1'),
      stream('e', '5', null),
    ];
    const names = archiveLines(archive, streams, [], plain).map((line) =>
      line.slice(0, 8).trimEnd(),
    );
    expect(names.slice(1)).toEqual(['├─ a', '│  ├─ b', '│  │  c', '│  └─ d', '└─ e']);
  });

  it('says what is missing, elsewhere, or cloned from', () => {
    const gone = { uuid: uuid('f'), ctransid: '9' };
    const streams = [
      stream('a', '1', null),
      stream('b', '2', '1', { cloneSources: [gone], missing: [gone], restorable: false }),
      stream('c', '3', '2', { cloneSources: [{ uuid: uuid('1'), ctransid: '1' }] }),
      stream('d', '4', 'e'),
    ];
    const lines = archiveLines(archive, streams, [], plain);
    expect(lines.filter((line) => / is | source /.test(line))).toEqual([
      `│    clone source ${uuid('f')} is missing`,
      '│    clone source a',
      `     parent ${uuid('e')} is elsewhere`,
    ]);
  });

  it('shows fingerprints, and what is to be adopted', () => {
    const fingerprint = {
      type: 'fingerprint-listed' as const,
      archive: 'a',
      directory: 'fingerprints/e',
      stream: { name: 'e', title: 'e', uuid: uuid('e') },
      ctransid: '1',
      host: null,
      path: null,
      blockSize: 16384,
      entries: 1,
      bytes: 2048,
      stored: 100,
      createdAt: '2026-11-01T10:00:00Z',
    };
    const lines = archiveLines(archive, [stream('d', '4', 'e')], [fingerprint], plain);
    expect(lines.slice(2)).toEqual([
      `     parent ${uuid('e')} is elsewhere`,
      '       a destination without it adopts a copy of it first',
      `fingerprint  e  2.0 KiB in 1 entry, blocks of 16.0 KiB  ${uuid('e').slice(0, 8)}`,
    ]);
  });

  it('a requirement of another ctransid is missing, whatever has its UUID', () => {
    const drifted = { uuid: uuid('1'), ctransid: '2' };
    const streams = [
      stream('a', '1', null),
      stream('b', '2', '1', { parent: drifted, missing: [drifted], restorable: false }),
    ];
    const lines = archiveLines(archive, streams, [], plain);
    expect(lines.at(-2)).toMatch(/^└─ b/);
    expect(lines.at(-1)).toBe(`     parent ${uuid('1')} is missing`);
  });

  it('draws streams that need each other in a circle once', () => {
    const streams = [stream('a', '1', '2'), stream('b', '2', '1')];
    expect(archiveLines(archive, streams, [], plain)).toHaveLength(3);
  });

  it('lists damage and unfinished exports below, without control characters', () => {
    const failure = new Failure('manifest-damaged', 'not \x1b[31mJSON');
    const lines = archiveLines(
      { ...archive, damaged: [{ directory: 'streams/x', failure }], unfinished: ['y\n.full'] },
      [],
      [],
      plain,
    );
    expect(lines.slice(1)).toEqual([
      'damaged     streams/x',
      '            not \\x1b[31mJSON',
      'unfinished  y\\x0a.full',
      '            the same export again finishes it',
    ]);
  });

  it.each([
    ['too new', 'format-feature'],
    ['incomplete', 'stream-incomplete'],
  ] as const)('does not call a stream that is %s damaged', (word, code) => {
    const failure = new Failure(code, 'why', { hint: 'what to do' });
    const damaged = [{ directory: 'streams/x', failure }];
    expect(archiveLines({ ...archive, damaged }, [], [], plain).slice(1)).toEqual([
      `${word.padEnd(10)}  streams/x`,
      '            why',
      '            what to do',
    ]);
  });

  it.each([
    ['in a chain', 1],
    ['in branches within branches', 2],
  ])('ten thousand streams %s, within 80 columns, coloured or not', (_, step) => {
    const streams = Array.from({ length: 10_000 }, (_, at) => {
      const id = (number: number) => `${number}`.padStart(8, '0');
      const parent =
        at === 0 ? null : { uuid: id(step === 1 || at % 2 === 1 ? at - 1 : at - 2), ctransid: '1' };
      const name = 'x'.repeat(step === 1 ? 30 : 15);
      return { ...stream(name, '1', null), stream: { name, title: name, uuid: id(at) }, parent };
    });
    const lines = archiveLines(archive, streams, [], colourful);
    expect(lines).toHaveLength(10_001);
    expect(lines.reduce((most, line) => Math.max(most, stringWidth(line)), 0)).toBeLessThan(80);
  });
});
