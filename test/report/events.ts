import type { Event } from '../../src/events/event.ts';
import type { ImportResult } from '../../src/events/import.ts';
import type { Progress, StreamBegun } from '../../src/events/stream.ts';
import { Failure } from '../../src/failure/failure.ts';
import { reporterFor } from '../../src/report/choose.ts';
import { capture } from './capture.ts';

export const a = {
  name: 'snapshot',
  title: 'home.1',
  uuid: '11111111-0000-0000-0000-000000000000',
};
export const b = {
  name: 'snapshot',
  title: 'home.2',
  uuid: '22222222-0000-0000-0000-000000000000',
};
export const odd = { base64: '/2E=' };
export const c = { name: odd, title: odd, uuid: '33333333-0000-0000-0000-000000000000' };
export const MiB = 1024 ** 2;

export const begun: StreamBegun = {
  type: 'stream-begun',
  action: 'import',
  stream: a,
  index: 1,
  count: 3,
};
export const progress = (bytes: number, total?: number): Progress => ({
  type: 'progress',
  action: 'import',
  bytes,
  total,
  stored: bytes / 2,
});
export const missing = (name: string) =>
  new Failure('parent-missing', `${name}: its parent is missing`, { hint: 'give the archive' });

export const importPlanned = (dryRun: boolean): Event => ({
  type: 'import-planned',
  into: '/backup',
  dryRun,
  steps: [
    { stream: a, as: 'home.1', parent: null, length: 10, stored: 5 * MiB },
    { stream: b, as: 'b', parent: { uuid: a.uuid, ctransid: '7' }, length: 10, stored: 900 },
  ],
  only: [],
  present: [c],
  removed: [],
  refused: [
    { ...b, failure: missing('home.2') },
    { ...c, failure: missing('other') },
  ],
});

export const exportPlanned: Event = {
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
  received: [],
  removed: [],
};

export const done: Event = {
  type: 'stream-done',
  action: 'import',
  stream: a,
  at: '/backup/home.1',
  bytes: 2 * MiB,
  stored: MiB,
  seconds: 12,
};

export const result: ImportResult = {
  type: 'result',
  command: 'import',
  exit: 3,
  done: 2,
  skipped: 1,
  refused: 1,
  removed: 0,
  bytes: 4 * MiB,
  stored: 2 * MiB,
  seconds: 75,
  withheld: 0,
  dryRun: false,
};

export function report(
  events: readonly Event[],
  options: { json?: boolean; quiet?: boolean } = {},
) {
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
