import { describe, expect, it, vi } from 'vitest';
import type { Event } from '../../src/events/event.ts';
import { a, b, c, MiB, report } from './events.ts';

const each = { kind: 'full', reasons: [], neededBy: [], removed: false } as const;

const planned = (dryRun: boolean): Event => ({
  type: 'prune-planned',
  archive: '/mnt/usb',
  dryRun,
  receivedBy: [{ filesystem: c.uuid, createdAt: '2026-11-20T10:00:00Z' }],
  streams: [
    { ...each, stream: a, directory: 'a', snapshotCreatedAt: null, stored: MiB, removed: true },
    {
      ...each,
      stream: b,
      directory: 'b',
      snapshotCreatedAt: '2026-11-02T10:00:00Z',
      stored: 900,
      reasons: ['needed'],
      neededBy: [c, a],
    },
    {
      ...each,
      stream: c,
      directory: 'c',
      snapshotCreatedAt: '2026-11-03T10:00:00Z',
      stored: 900,
      reasons: ['last', 'daily', 'needed'],
    },
  ],
  leftovers: ['streams/.removed-d'],
});

describe('a plan of a prune', () => {
  it('lists what goes, what stays, and why', () => {
    vi.stubEnv('TZ', 'UTC');
    const lines = [
      '1 of 3 streams go, 1.0 MiB, from /mnt/usb',
      'by the receipt of filesystem 33333333, written 2026-11-20 10:00',
      'goes   home.1                    1.0 MiB',
      'stays  home.2  2026-11-02 10:00    900 B  needed by \\xffa and 1 more',
      'stays  \\xffa   2026-11-03 10:00    900 B  last, daily',
      'left by an interrupted prune  streams/.removed-d',
    ];
    expect(report([planned(true)]).outLines).toEqual(lines);
    expect(report([planned(false)])).toMatchObject({ outLines: [], errLines: lines });
    expect(report([planned(false)], { quiet: true }).errLines).toEqual([]);
    vi.unstubAllEnvs();
  });

  it.each([
    [{ done: 2, kept: 1, dryRun: false }, 'removed 2 streams, 1.0 MiB; 1 stays'],
    [{ done: 0, kept: 3, dryRun: false }, 'nothing to remove; 3 stay'],
    [{ done: 0, kept: 3, dryRun: true }, 'nothing was removed: this was a dry run; 3 stay'],
  ])('sums up %j', (change, line) => {
    const result = { type: 'result', command: 'prune', exit: 0, stored: MiB, seconds: 1 } as const;
    expect(report([{ ...result, ...change }]).outLines).toEqual([line]);
  });
});
