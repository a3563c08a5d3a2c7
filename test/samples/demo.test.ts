import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { describeReal, withDirectory } from '../filesystem.ts';
import { samples } from './streams.ts';

const demo = `${samples}demo.sh`;

interface Ended {
  /** The stdout of the demo, which prints everything there. */
  readonly output: string;
  readonly code: number | null;
  /** Where it kept its files. */
  readonly place: string;
}

/** Runs the demo to its end, or until it printed `until`: then it is interrupted as by Ctrl-C. */
async function runDemo(
  options: { as?: readonly string[]; args?: string[]; until?: string; path?: string } = {},
): Promise<Ended> {
  const { as = [], args = [], until, path = '' } = options;
  const place = withDirectory();
  chmodSync(place, 0o777);
  const [program = 'bash', ...rest] = [...as, 'bash', demo, ...args];
  const child = spawn(program, rest, {
    // Its own process group, as a terminal gives it.
    detached: true,
    env: { ...process.env, TMPDIR: place, PATH: `${path}${process.env.PATH}` },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  let interrupted = false;
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
    if (until === undefined || interrupted || !output.includes(until)) return;
    interrupted = true;
    process.kill(-(child.pid ?? 0), 'SIGINT');
  });
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { output, code, place };
}

async function expectNothingLeft({ place }: Ended): Promise<void> {
  expect(readdirSync(place)).toEqual([]);
  expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(place);
  // Mount namespaces of other processes, begun meanwhile, keep a loop device as long as they last.
  const loops = () => execFileSync('losetup', ['-a'], { encoding: 'utf8' });
  await expect.poll(loops, { timeout: 60_000 }).not.toContain(place);
}

/** A beginning for PATH, with a program of this name that does this in place of its own work. */
function programThat(name: string, does: string): string {
  const directory = withDirectory();
  writeFileSync(`${directory}/${name}`, `#!/bin/sh\n${does}\n`, { mode: 0o755 });
  return `${directory}:`;
}

/** Lines of the demo's own, and of the program, that don't fit a terminal of 80 columns. */
function wideLines(output: string): string[] {
  // Errors and hints are one line each, however long, so that they can be searched for.
  return output.split('\n').filter((line) => line.length > 80 && !/^(refused|hint): /.test(line));
}

describeReal('npm run demo', () => {
  test('carries a chain, shows a refusal, proves equality, and leaves nothing', async () => {
    const ended = await runDemo();
    const { output, code } = ended;
    expect(code, output).toBe(0);
    expect(output).toContain('full: the archive is empty');
    expect(output).toMatch(/refused: tue: its parent mon .* is missing/);
    expect(output).toContain('(exit code 5)');
    expect(output).toContain('$ ls -A server\n(the server is as empty as before)');
    expect(output).toMatch(/^received 3 streams/m);
    expect(output.match(/^\(nothing to change: equal\)$/gm)).toHaveLength(4);
    expect(output).toMatch(/^>f\S+ log\.1$/m);
    expect(output).toContain('nothing to receive; 3 there already');
    expect(output).toContain('0001.btrfs.zst: OK');
    expect(output).toMatch(/^Removed again: /m);
    expect(output).not.toContain('The demo stops');
    expect(output).not.toContain('\x1b');
    expect(wideLines(output)).toEqual([]);
    await expectNothingLeft(ended);
  });

  // `--inside` is how it runs once it has mounts of its own; without these, all can be seen.
  test.each(['btrferry export', 'receiving 1 of 3'])(
    'leaves nothing when it is interrupted at: %s',
    async (until) => {
      const ended = await runDemo({ until, args: ['--inside'] });
      expect(ended.code, ended.output).toBe(130);
      expect(ended.output).toMatch(/Interrupted: cleaning up\.\n$/);
      await expectNothingLeft(ended);
    },
  );

  test('stops if the two sides differ, and leaves nothing', async () => {
    const path = programThat('rsync', 'echo ">fc........ todo"');
    const ended = await runDemo({ path, args: ['--inside'] });
    expect(ended.code).toBe(1);
    expect(ended.output).toMatch(/The demo stops: there should be nothing\.\n$/);
    await expectNothingLeft(ended);
  });

  test('stops if a command exits with an unexpected code, and leaves nothing', async () => {
    const ended = await runDemo({ path: programThat('ls', 'exit 3'), args: ['--inside'] });
    expect(ended.code).toBe(1);
    expect(ended.output).toMatch(/The demo stops: that ended with exit code 3 and not 0\.\n$/);
    await expectNothingLeft(ended);
  });

  test('says if a filesystem cannot be made, and shows the rest', async () => {
    const ended = await runDemo({ path: programThat('mkfs.btrfs', 'echo so sorry; exit 1') });
    expect(ended.code, ended.output).toBe(0);
    expect(ended.output).toContain('No btrfs can be mounted here (so sorry).');
    expect(ended.output).toMatch(/^└─ home\.1 +full/m);
    await expectNothingLeft(ended);
  });
});

/** A way to run something without root: none where that is how the tests run. */
function withoutRoot(): readonly string[] | undefined {
  if (process.geteuid?.() !== 0) return [];
  const ways = [
    // Keeps the owner's access to files, whatever directory the tests lie in.
    ['unshare', '--user'],
    ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'],
  ];
  const works = ([program = '', ...args]: readonly string[]) =>
    spawnSync(program, [...args, process.execPath, `${samples}../dist/cli/main.js`, '--version'])
      .status === 0;
  return ways.find(works);
}

const as = withoutRoot();
if (as === undefined && process.env.CI === 'true') throw new Error('root can not be given up here');
const skipped = as === undefined ? ' (skipped: root can not be given up here)' : '';

describe.skipIf(as === undefined)(`npm run demo, without root${skipped}`, () => {
  test('shows the samples, says why it stops there, and exits with 0', async () => {
    const ended = await runDemo({ as: as ?? [] });
    const { output, code } = ended;
    expect(code, output).toBe(0);
    expect(output).toContain('snapshots takes root');
    expect(output).toContain('sudo npm run demo');
    expect(output).toMatch(/^└─ home\.1 +full/m);
    expect(output).toMatch(/^ +parent \S+ \([0-9a-f-]{36}\) is missing$/m);
    expect(output).toContain('all checksums match');
    expect(output).toMatch(/^missing +root/m);
    expect(wideLines(output)).toEqual([]);
    expect(readdirSync(ended.place)).toEqual([]);
  });
});
