import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { exit } from '../../src/failure/failure.ts';
import type { CommandBody } from '../../src/sendstream/commands.ts';
import { type Btrfs, describeReal, describeTree, withBtrfs, withDirectory } from '../filesystem.ts';
import { bytes, end, streamOf, subvol } from '../sendstream/streams.ts';
import { importInto } from './attempt.ts';
import { mkfile, write } from './bodies.ts';
import { received, watchBtrfs } from './destination.ts';
import { forge } from './forge.ts';
import { tally } from './tally.ts';

/**
 * Streams that `btrfs receive` calls a success though they are none: each for real, and through a
 * whole `import`.
 */

const good = streamOf(2, [subvol, mkfile('f'), write('f'), end]);

/** The identity in a stream of `btrfs send`. */
function sent(snapshot: string, ...options: string[]): Buffer {
  return execFileSync('btrfs', ['-q', 'send', ...options, snapshot], {
    maxBuffer: 2 ** 30,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** A snapshot that clones from one that is no relative of its own, and the streams of all. */
function lending() {
  const source = withBtrfs();
  source.subvolume('lender');
  writeFileSync(source.at('lender/file'), Buffer.alloc(1_000_000, 'lent'));
  const lender = source.snapshot('lender', 'lender-1');
  source.subvolume('s');
  const parent = source.snapshot('s', 's-1');
  execFileSync('cp', ['--reflink=always', source.at('lender/file'), source.at('s/clone')]);
  const snapshot = source.snapshot('s', 's-2');
  const lent = withDirectory();
  forge(lent, sent(lender));
  const archive = withDirectory();
  const first = sent(parent);
  forge(archive, first, { directory: 'parent' });
  const child = sent(snapshot, '-p', parent, '-c', lender);
  forge(archive, child, { directory: 'child' });
  return { snapshot, lent, archive, first, child };
}

/** A `btrfs` whose receive is another one; `$real` is that of the system. */
function withReceive(script: string): void {
  const programs = withDirectory();
  const real = execFileSync('sh', ['-c', 'command -v btrfs'], { encoding: 'utf8' }).trim();
  const shim = join(programs, 'btrfs');
  writeFileSync(
    shim,
    `#!/bin/bash\nreal='${real}'\ncase " $* " in *' receive '*) ${script} ;; esac\nexec "$real" "$@"\n`,
  );
  chmodSync(shim, 0o755);
  vi.stubEnv('PATH', `${programs}:${process.env.PATH}`);
}
afterEach(({ task }) => {
  vi.unstubAllEnvs();
  if (task.result?.state !== 'fail') tally('false successes of btrfs receive, caught', 1);
});

function withInto(): { fs: Btrfs; into: string } {
  const fs = withBtrfs();
  const into = fs.at('into');
  mkdirSync(into);
  return { fs, into };
}

describeReal('a false success of btrfs receive', () => {
  test('a clone source outside of what is mounted', async () => {
    const { lent, archive, first, child } = lending();
    const { fs } = withInto();
    fs.subvolume('sub');
    expect(await importInto(lent, fs.mount)).toMatchObject({ exit: 0 });
    fs.remount('subvol=sub');
    const refused = await importInto(archive, fs.mount);
    expect(refused).toMatchObject({ exit: exit.missing });
    expect(refused.failures[0]?.message).toContain('outside of what is mounted');
    expect(readdirSync(fs.mount)).toEqual([]);
    // btrfs itself calls it a success.
    for (const input of [first, child]) {
      execFileSync('btrfs', ['receive', fs.mount], { input, stdio: 'pipe' });
    }
    expect(readFileSync(fs.at('s-2/clone'))).toHaveLength(0);
  });

  test('a clone source that another mount hides', async () => {
    const { lent, archive, snapshot } = lending();
    const { fs, into } = withInto();
    const hidden = fs.at('hidden');
    mkdirSync(hidden);
    expect(await importInto(lent, hidden)).toMatchObject({ exit: 0 });
    execFileSync('mount', ['-t', 'tmpfs', 'none', hidden]);
    try {
      const refused = await importInto(archive, into);
      expect(refused).toMatchObject({
        exit: exit.missing,
        failures: [{ code: 'parent-missing' }],
      });
      expect(readdirSync(into)).toEqual([]);
    } finally {
      execFileSync('umount', [hidden]);
    }
    expect(await importInto(archive, into)).toMatchObject({ exit: 0, failures: [] });
    expect(describeTree(join(into, 's-2'))).toEqual(describeTree(snapshot));
  });

  test('options that make it lie are never given', async () => {
    const watch = watchBtrfs();
    vi.stubEnv('PATH', `${watch.programs}:${process.env.PATH}`);
    const { fs, into } = withInto();
    const archive = withDirectory();
    forge(archive, good);
    expect(await importInto(archive, into)).toMatchObject({ exit: 0 });
    const calls = watch.calls();
    expect(calls.filter((call) => received([call]))).toEqual([`-q receive -m ${fs.mount} ${into}`]);
  });

  test('a parent that was changed at the destination', async () => {
    const { fs, into } = withInto();
    const source = withBtrfs();
    source.subvolume('s');
    const first = source.snapshot('s', 'first');
    writeFileSync(source.at('s/file'), 'new');
    const second = source.snapshot('s', 'second');
    const archive = withDirectory();
    forge(archive, sent(first), { directory: 'first' });
    expect(await importInto(archive, into)).toMatchObject({ exit: 0 });
    const parent = join(into, 'first');
    execFileSync('btrfs', ['property', 'set', '-f', parent, 'ro', 'false']);
    writeFileSync(join(parent, 'tampered'), '');
    execFileSync('btrfs', ['property', 'set', parent, 'ro', 'true']);
    const increment = withDirectory();
    forge(increment, sent(second, '-p', first), { directory: 'second' });
    const refused = await importInto(increment, into);
    expect(refused).toMatchObject({ exit: exit.missing, failures: [{ code: 'parent-missing' }] });
    expect(fs.at('into') && readdirSync(into)).toEqual(['first']);
  });

  test('a parent that was changed at the source', async () => {
    const { into } = withInto();
    const source = withBtrfs();
    source.subvolume('s');
    const first = source.snapshot('s', 'first');
    const archive = withDirectory();
    forge(archive, sent(first), { directory: 'first' });
    execFileSync('btrfs', ['property', 'set', first, 'ro', 'false']);
    writeFileSync(join(first, 'drift'), '');
    execFileSync('btrfs', ['property', 'set', first, 'ro', 'true']);
    const second = source.snapshot('s', 'second');
    const increment = sent(second, '-p', first);
    forge(archive, increment, { directory: 'second' });
    const refused = await importInto(archive, into);
    expect(refused).toMatchObject({ exit: exit.missing, failures: [{ code: 'parent-missing' }] });
    expect(readdirSync(into)).toEqual([]);
    // btrfs itself calls it a success, as far as it gets.
    execFileSync('btrfs', ['receive', into], { input: sent(first), stdio: 'pipe' });
  });

  test('several streams in one', async () => {
    const { into } = withInto();
    const archive = withDirectory();
    forge(
      archive,
      Buffer.concat([good, streamOf(2, [{ ...subvol, path: bytes('t') } as CommandBody, end])]),
    );
    const refused = await importInto(archive, into);
    expect(refused).toMatchObject({ exit: exit.damaged, failures: [{ code: 'stream-malformed' }] });
    expect(readdirSync(into)).toEqual([]);
  });

  test('a stream whose UUID is none, which leaves no received UUID', async () => {
    const { into } = withInto();
    const nobody = { ...subvol, uuid: '00000000-0000-0000-0000-000000000000' } as CommandBody;
    const archive = withDirectory();
    forge(archive, streamOf(2, [nobody, mkfile('f'), end]));
    const refused = await importInto(archive, into);
    expect(refused).toMatchObject({ exit: exit.failed, failures: [{ code: 'proof-failed' }] });
    expect(readdirSync(into)).toEqual([]);
  });

  test.each<[string, string, string]>([
    ['that does nothing', 'cat >/dev/stdout | wc -c >&2; exit 0', 'not-found'],
    ['that leaves the end out', 'head -c -10 | "$real" "$@" 2>&-; exit 0', 'proof-failed'],
    [
      'that complains, and is content',
      '"$real" "$@"; echo "ERROR: lost it" >&2; exit 0',
      'receive-failed',
    ],
    [
      'that makes it writable again',
      '"$real" "$@"; for into; do :; done; "$real" property set -f "$into"/.btrferry-* ro false; exit 0',
      'proof-failed',
    ],
  ])('a receive %s', async (_, script, code) => {
    withReceive(script);
    const { into } = withInto();
    const archive = withDirectory();
    forge(archive, good);
    const refused = await importInto(archive, into);
    expect(
      refused.failures.map((failure) => failure.code),
      refused.lines.join('\n'),
    ).toEqual([code]);
    expect(refused.exit).not.toBe(0);
    expect(existsSync(join(into, 's'))).toBe(false);
    expect(readdirSync(into)).toEqual([]);
  });
});
