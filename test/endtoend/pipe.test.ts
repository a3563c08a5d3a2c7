import { spawnSync } from 'node:child_process';
import { cpSync, readdirSync, statSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeReal, describeTree, withBtrfs } from '../filesystem.ts';
import { expectComplaint, fails, program, succeeds } from '../program.ts';
import {
  type Chainlet,
  expectArrived,
  fresh,
  inStream,
  makeChainlet,
  streamsOf,
} from './chainlet.ts';
import { flip } from './spoil.ts';

let made: Chainlet;
beforeAll(async () => {
  made = await makeChainlet();
});
afterAll(() => made?.source.remove());

describeReal('an archive in a pipe', () => {
  const bash = (script: string, ...args: string[]) =>
    spawnSync('bash', ['-o', 'pipefail', '-c', script, 'bash', ...args], {
      encoding: 'utf8',
      env: { ...process.env, b: `${process.execPath} ${program}` },
    });

  test('goes from a copy into an import, and only what is missing is received', async () => {
    const destination = withBtrfs();
    const script = '$b copy "$1" - --only "$3" | $b import - --into "$2"';
    for (const name of ['one', 'three']) {
      const ran = bash(script, made.archive, destination.mount, name);
      expect(ran.status, ran.stderr).toBe(0);
    }
    expectArrived(made, destination);
    const again = bash(script, made.archive, destination.mount, 'three');
    expect(again.stdout).toBe('nothing to receive; 3 there already\n');
  });

  test('is copied into other archives', () => {
    const [target, tar] = [fresh(), fresh('home.tar')];
    expect(bash('$b copy "$1" - | $b copy - "$2"', made.archive, target).status).toBe(0);
    expect(streamsOf(target)).toEqual(streamsOf(made.archive));
    expect(bash('$b copy "$1" - | $b copy - - >"$2"', made.archive, tar).status).toBe(0);
    expect(bash('$b list - <"$1"', tar).status).toBe(0);
    expect(bash('$b inspect - two <"$1"', tar).status).toBe(0);
    flip(inStream(target, 'two', '0001.btrfs.zst'), 99);
    expect(bash('$b copy - "$2" <"$1"', tar, target).status).toBe(0);
    expect(streamsOf(target)).toEqual(streamsOf(made.archive));
  });

  test('is refused where it was cut, after the snapshots before the cut were received', async () => {
    const tar = fresh('home.tar');
    await succeeds('copy', made.archive, tar);
    const destination = withBtrfs();
    const cutAt = (bytes: number) =>
      bash(`head -c ${bytes} "$1" | $b import - --into "$2" --json`, tar, destination.mount);
    const { size } = statSync(tar);
    const ran = (bytes: number) => {
      const { status, stdout } = cutAt(bytes);
      return { exit: status, signal: null, stdout, stderr: '' };
    };
    expectComplaint(ran(3_000_000), { exit: 4, code: 'archive-damaged' });
    expect(readdirSync(destination.mount)).toEqual(['one']);
    expectComplaint(ran(size - 1024), { exit: 4, code: 'archive-damaged' });
    expectArrived(made, destination);
    expect(ran(size).exit).toBe(0);
  });

  test('hands nothing that is damaged to btrfs receive', async () => {
    const tar = fresh('home.tar');
    await succeeds('copy', made.archive, tar);
    const { size } = statSync(tar);
    for (const at of [size - 2000, size - 1_000_000, 4_000_000]) {
      const bad = fresh('bad.tar');
      cpSync(tar, bad);
      flip(bad, at);
      const destination = withBtrfs();
      const ran = bash('$b import - --into "$2" --json <"$1"', bad, destination.mount);
      expect(ran.status, `byte ${at}`).toBe(4);
      for (const name of readdirSync(destination.mount)) {
        expect(describeTree(destination.at(name))).toEqual(describeTree(made.source.at(name)));
      }
    }
  });

  test('is refused on a terminal, by verify, and twice', async () => {
    const onTerminal = (command: string) =>
      spawnSync('script', ['-qec', `${process.execPath} ${program} ${command}`, '/dev/null'], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      });
    expect(onTerminal(`copy ${made.archive} -`).status).toBe(2);
    await fails(['verify', '-'], { exit: 2, code: 'usage' });
    await fails(['list', '-', '-'], { exit: 2, code: 'usage' });
    await fails(['export', made.source.at('one'), '--to', '-'], {
      exit: 2,
      code: 'usage',
      hint: 'copy',
    });
  });

  test('is an error of the sender if its reader ends early', () => {
    const ran = bash(
      '$b copy "$1" - --json 2>"$2" | head -c 100000 >/dev/null; echo $PIPESTATUS',
      made.archive,
      fresh('errors'),
    );
    expect(ran.stdout).toBe('1\n');
  });
});
