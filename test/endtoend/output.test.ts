import { existsSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeReal, describeTree, withBtrfs, withDirectory } from '../filesystem.ts';
import { btrferry, eventsIn, succeeds } from '../program.ts';
import { type Chainlet, copyOf, everythingAt, makeChainlet } from './chainlet.ts';

let made: Chainlet;

describeReal('output', () => {
  beforeAll(async () => {
    made = await makeChainlet();
  });
  afterAll(() => made?.source.remove());

  test('with --json is events, and the last one is the result', async () => {
    const archive = path.join(withDirectory(), 'archive');
    const destination = withBtrfs();
    const exported = eventsIn(
      await succeeds('export', ...made.snapshots, '--to', archive, '--json', '--label', 'drive 7'),
    );
    const types = (list: { type: string }[]) => [...new Set(list.map(({ type }) => type))];
    const all = ['stream-begun', 'stream-done', 'result'];
    expect(types(exported).filter((type) => type !== 'progress')).toEqual([
      'export-planned',
      ...all,
    ]);
    expect(exported.at(-1)).toMatchObject({
      command: 'export',
      exit: 0,
      done: 3,
      skipped: 0,
      bytes: expect.any(Number),
      stored: expect.any(Number),
      seconds: expect.any(Number),
      summary: expect.stringMatching(/^exported 3 snapshots/),
    });
    const imported = eventsIn(
      await succeeds('import', archive, '--into', destination.mount, '--json'),
    );
    expect(types(imported).filter((type) => type !== 'progress')).toEqual([
      'import-planned',
      ...all,
    ]);
    const sizes = (list: typeof exported) =>
      list.filter(({ type }) => type === 'stream-done').map(({ stream, bytes }) => [stream, bytes]);
    expect(sizes(imported)).toEqual(sizes(exported));
    const listed = await succeeds('list', archive, '--json');
    expect(listed.stdout).toContain('"label":"drive 7"');
    expect(listed.stderr).toBe('');
  });

  test('with --json is events even if it fails', async () => {
    const destination = withBtrfs();
    const [nowhere] = [path.join(withDirectory(), 'nowhere')];
    const failed = await btrferry('import', nowhere, '--into', destination.mount, '--json');
    expect(failed).toMatchObject({ exit: 6, stderr: '' });
    expect(eventsIn(failed)).toEqual([
      {
        type: 'result',
        command: 'import',
        exit: 6,
        failure: {
          code: 'not-an-archive',
          message: `no archive at ${nowhere}: there is nothing there`,
          hint: expect.any(String),
          where: { archive: nowhere },
          exit: 6,
        },
        summary: '',
      },
    ]);
    const usage = await btrferry('import', made.archive, '--json');
    expect(usage.exit).toBe(2);
    expect(eventsIn(usage)[0]).toMatchObject({ exit: 2, failure: { code: 'usage' } });
  });

  test('with --quiet is empty on success', async () => {
    const archive = path.join(withDirectory(), 'archive');
    const destination = withBtrfs();
    const silent = { exit: 0, stdout: '', stderr: '' };
    expect(await succeeds('export', ...made.snapshots, '--to', archive, '--quiet')).toMatchObject(
      silent,
    );
    expect(await succeeds('import', archive, '--into', destination.mount, '-q')).toMatchObject(
      silent,
    );
    const failed = await btrferry('import', archive, '--into', archive, '--quiet');
    expect(failed).toMatchObject({
      exit: 6,
      stdout: '',
      stderr: expect.stringMatching(/^error: .*\nhint: .*\n$/),
    });
  });

  test('of a dry run is the plan, and the run changes nothing', async () => {
    const archive = copyOf(made.archive);
    const destination = withBtrfs();
    const [before, medium] = [everythingAt(destination), describeTree(archive)];
    const planned = await succeeds('import', archive, '--into', destination.mount, '--dry-run');
    expect(planned.stdout).toMatch(/^receive 3 streams, /);
    expect(planned.stdout).toMatch(/^2 {2}two .* from one /m);
    expect(planned.stdout).toMatch(/nothing was received: this was a dry run\n$/);
    expect(planned.stderr).toBe('');
    expect(everythingAt(destination)).toEqual(before);
    expect(describeTree(archive)).toEqual(medium);

    const nowhere = path.join(withDirectory(), 'new');
    const source = everythingAt(made.source);
    const asked = ['export', ...made.snapshots, '--dry-run', '--to'];
    expect((await succeeds(...asked, nowhere)).stdout).toMatch(/^export 3 snapshots to /);
    expect(existsSync(nowhere)).toBe(false);
    expect((await succeeds(...asked, archive)).stdout).toMatch(/dry run; 3 there already\n$/);
    expect(describeTree(archive)).toEqual(medium);
    expect(everythingAt(made.source)).toEqual(source);

    // It is the very plan that would run.
    const steps = async (...more: string[]) =>
      eventsIn(await succeeds('import', archive, '--into', destination.mount, '--json', ...more))
        .filter(({ type }) => type === 'import-planned')
        .map((event) => event.steps);
    expect(await steps('--dry-run')).toEqual(await steps());
  });
});
