import { expect, it } from 'vitest';
import type { Checked } from '../../../src/events/doctor.ts';
import type { Event } from '../../../src/events/event.ts';
import { runDoctor } from '../../../src/operations/doctor/run.ts';
import { defaultEngine } from '../../../src/zstd/engines.ts';
import { btrferrySync, eventsIn } from '../../program.ts';
import { contextWith } from '../context.ts';

it('checks everything, and says what to do about each finding', async () => {
  const events: Event[] = [];
  const result = await runDoctor(
    { archives: [] },
    contextWith((event) => void events.push(event)),
  );
  const checks = events.filter((event): event is Checked => event.type === 'checked');
  expect(checks.map(({ what }) => what)).toEqual([
    'root',
    'kernel',
    'btrfs-progs',
    'send',
    'receive',
    'confinement',
    'zstd',
    'cores',
  ]);
  expect(checks.find(({ what }) => what === 'zstd')?.found).toContain(defaultEngine());
  const missing = checks.filter(({ state }) => state === 'missing');
  expect(result.exit).toBe(missing.length > 0 ? 6 : 0);
});

it.skipIf(process.getuid?.() !== 0)('reports that root is missing, and exits with 6', () => {
  const { exit, stdout } = btrferrySync(['doctor', '--json'], { uid: 65534 });
  const events = eventsIn({ stdout });
  expect(exit).toBe(6);
  expect(events[0]).toMatchObject({
    what: 'root',
    state: 'missing',
    hint: expect.stringMatching(/sudo/),
  });
  expect(events.at(-1)).toMatchObject({ type: 'result', exit: 6 });
});
