import { readdirSync } from 'node:fs';
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
import { hostileStreams } from './hostile-streams.ts';

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
  });

  test('leaves no trace', () => {
    expect(destination.state()).toEqual(before);
  });
});
