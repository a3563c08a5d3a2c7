import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { exit, failureExit } from '../../src/failure/failure.ts';
import { describeReal, withDirectory } from '../filesystem.ts';
import { importInto, verify } from './attempt.ts';
import {
  type Destination,
  received,
  type Watch,
  watchBtrfs,
  withDestination,
} from './destination.ts';
import { forge } from './forge.ts';
import { goodStream } from './good-archive.ts';
import { type HostileStream, hostileStreams } from './hostile-streams.ts';
import { tally } from './tally.ts';

describeReal('a hostile stream', () => {
  let destination: Destination;
  let watch: Watch;
  let before: string[];
  beforeAll(() => {
    watch = watchBtrfs();
    vi.stubEnv('PATH', `${watch.programs}:${process.env.PATH}`);
    destination = withDestination();
    before = destination.state();
  });
  afterAll(() => {
    vi.unstubAllEnvs();
    destination.btrfs.remove();
  });

  test.each(hostileStreams)('$name', async ({ stream, forgery, code, found: second = code }) => {
    const archive = withDirectory();
    forge(archive, stream, forgery);
    const refused = await importInto(archive, destination.into);
    expect(
      refused.failures.map((failure) => failure.code),
      refused.lines.join('\n'),
    ).toEqual([code]);
    expect(refused.exit).toBe(failureExit[code]);
    const calls = watch.calls();
    expect(calls.length).toBeGreaterThan(0);
    expect(received(calls)).toBe(false);
    expect(readdirSync(destination.into)).toEqual([]);
    const [failure] = refused.failures;
    expect(failure?.message, "names the archive's stream").toContain('streams/');
    expect(failure?.hint, failure?.message).toBeDefined();

    const found = await verify(archive);
    expect(found.failures.map((failure) => failure.code)).toContain(second);
    expect(found.exit).toBe(exit.damaged);
    tally('hostile streams refused before btrfs receive is started', 1);
  });

  test('is refused by what is watched: a good one is received', async () => {
    const archive = withDirectory();
    forge(archive, goodStream);
    const other = withDestination();
    expect(await importInto(archive, other.into)).toMatchObject({ exit: exit.done });
    expect(received(watch.calls())).toBe(true);
    expect(readdirSync(other.into)).toEqual(['s']);
  });

  test.each(['WRITE (14) of a path with ..', 'WRITE (14) through a symlink'])(
    'is one that btrfs receive would follow: %s',
    (name) => {
      const { stream } = hostileStreams.find((one) => one.name === name) as HostileStream;
      const { into, outside } = withDestination();
      execFileSync('btrfs', ['receive', into], { input: stream, stdio: 'pipe' });
      expect(readFileSync(join(outside.here, 'sentinel'), 'utf8')).toBe('pwned');
      watch.calls();
    },
  );

  test('leaves no trace', () => {
    expect(destination.state()).toEqual(before);
  });
});
