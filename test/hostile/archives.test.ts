import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
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
import { hostileArchives, needless } from './hostile-archives.ts';
import { hostileParts } from './hostile-parts.ts';
import { tally } from './tally.ts';

describeReal('a hostile archive', () => {
  let destination: Destination;
  let watch: Watch;
  let before: string[];
  beforeAll(() => {
    watch = watchBtrfs();
    vi.stubEnv('PATH', `${watch.programs}:${process.env.PATH}`);
    destination = withDestination();
    before = destination.state(true);
  });
  afterAll(() => {
    vi.unstubAllEnvs();
    destination.btrfs.remove();
  });

  beforeEach(() => {
    for (const name of readdirSync(destination.into)) {
      execFileSync('btrfs', ['-q', 'subvolume', 'delete', join(destination.into, name)]);
    }
    watch.calls();
  });

  test.each([...hostileParts, ...hostileArchives])(
    '$name',
    async ({ make, code, found: second = code }) => {
      const archive = withDirectory();
      make(archive);
      const refused = await importInto(archive, destination.into);
      const codes = refused.failures.map((failure) => failure.code);
      expect(codes, refused.lines.join('\n')).toEqual([code]);
      expect(refused.exit).toBe(failureExit[code]);
      expect(received(watch.calls())).toBe(false);
      expect(readdirSync(destination.into)).toEqual([]);
      const [failure] = refused.failures;
      expect(failure?.hint, failure?.message).toBeDefined();

      const found = await verify(archive);
      const all = found.failures.map((failure) => failure.code);
      if (second !== null) expect(all).toContain(second);
      expect(found.exit).toBe(second === null ? exit.done : failureExit[second]);
      tally('hostile archives refused before btrfs receive is started', 1);
    },
  );

  test.each(needless)('$name, which no import needs', async ({ make, code: wrong }) => {
    const archive = withDirectory();
    make(archive);
    expect((await importInto(archive, destination.into)).exit).toBe(exit.done);
    const { exit: code, events, failures } = await verify(archive);
    if (wrong !== 'part-damaged') expect(failures).toMatchObject([{ code: wrong }]);
    else expect(events).toContainEqual(expect.objectContaining({ code: 'sums-differ' }));
    expect(code).toBe(wrong === 'part-damaged' ? exit.done : exit.damaged);
  });

  test.each<[string, (archive: string, outside: string) => void]>([
    ['a symlink', (archive, outside) => symlinkSync(outside, join(archive, 'receipts'))],
    ['a named pipe', (archive) => execFileSync('mkfifo', [join(archive, 'receipts')])],
    ['a file', (archive) => writeFileSync(join(archive, 'receipts'), 'no directory')],
    ['a directory of pipes', (archive) => pipesFor(archive, destination)],
  ])('whose receipts are %s gets none', async (_, put) => {
    const archive = withDirectory();
    forge(archive, goodStream);
    put(archive, destination.outside.elsewhere);
    const { exit: code, events } = await importInto(archive, destination.into);
    expect(code).toBe(exit.done);
    expect(events).toContainEqual(expect.objectContaining({ code: 'receipt-not-written' }));
    expect(received(watch.calls())).toBe(true);
    expect((await verify(archive)).exit).toBe(exit.damaged);
  });

  test('leaves no trace', () => {
    expect(destination.state(true)).toEqual(before);
  });
});

/** Where the receipt of the destination would be written: pipes, which nobody reads. */
function pipesFor(archive: string, { btrfs }: Destination): void {
  const show = execFileSync('btrfs', ['filesystem', 'show', btrfs.mount], { encoding: 'utf8' });
  const uuid = /uuid: (\S+)/.exec(show)?.[1];
  mkdirSync(join(archive, 'receipts'));
  for (const name of [`${uuid}.json`, `${uuid}.json.new`]) {
    execFileSync('mkfifo', [join(archive, 'receipts', name)]);
  }
}
