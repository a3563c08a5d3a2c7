import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Btrfs, describeReal, describeTree, withBtrfs, withDirectory } from '../filesystem.ts';
import {
  begin,
  btrferry,
  btrferrySync,
  during,
  eventsIn,
  fails,
  type JsonEvent,
  resultOf,
  succeeds,
  warningsOf,
} from '../program.ts';
import { copyOf, inStream, makeChain } from './chainlet.ts';

/** The titles of streams of a plan: those that go, and those that stay with the reasons. */
function planIn(stdout: string) {
  const planned = eventsIn({ stdout }).find(({ type }) => type === 'prune-planned');
  const streams = planned?.streams as {
    stream: { title: string };
    removed: boolean;
    reasons: string[];
  }[];
  return {
    goes: streams.filter(({ removed }) => removed).map(({ stream }) => stream.title),
    stays: Object.fromEntries(
      streams
        .filter(({ removed }) => !removed)
        .map(({ stream, reasons }) => [stream.title, reasons]),
    ),
  };
}

const titlesIn = (archive: string) =>
  readdirSync(path.join(archive, 'streams'))
    .map((name) => name.replace(/\.[0-9a-f]{8}\.(full|from-.*)$/, ''))
    .sort();

describeReal('prune', () => {
  let source: Btrfs;
  /** `one`, `two` and `three`, each on the one before; then `four` in full, and `five` on it. */
  let archive: string;

  beforeAll(async () => {
    source = withBtrfs();
    const chain = makeChain(source);
    archive = path.join(withDirectory(), 'archive');
    const options = ['--to', archive, '--max-part-size', '3M'];
    await succeeds('export', ...chain, ...options);
    const four = source.snapshot('home', 'four');
    await succeeds('export', four, ...options, '--parent', 'none');
    writeFileSync(source.at('home/dir/file'), 'of the fifth\n');
    await succeeds('export', source.snapshot('home', 'five'), ...options);
  });
  afterAll(() => source?.remove());

  async function expectHealthy(at: string, restorable: number) {
    const listed = eventsIn(await succeeds('list', at, '--json'));
    expect(listed.at(-1)).toMatchObject({ done: restorable, restorable, refused: 0 });
    expect(resultOf((await succeeds('verify', at, '--json')).stdout)).toMatchObject({ refused: 0 });
  }

  test('removes what the policy does not keep, and what stays can be received', async () => {
    const at = copyOf(archive);
    const before = describeTree(at);
    const dry = await succeeds('prune', at, '--keep-last', '1', '--dry-run', '--json');
    expect(planIn(dry.stdout)).toEqual({
      goes: ['one', 'two', 'three'],
      stays: { four: ['needed'], five: ['last'] },
    });
    expect(describeTree(at)).toEqual(before);
    const ran = await succeeds('prune', at, '--keep-last', '1', '--yes', '--json');
    const removed = eventsIn(ran).filter(({ type }) => type === 'stream-removed');
    expect(removed.map(({ stream }) => (stream as { title: string }).title)).toEqual([
      'three',
      'two',
      'one',
    ]);
    expect(resultOf(ran.stdout)).toMatchObject({ exit: 0, done: 3, kept: 2 });
    expect(titlesIn(at)).toEqual(['five', 'four']);
    await expectHealthy(at, 2);
    const destination = withBtrfs();
    await succeeds('import', at, '--into', destination.mount);
    expect(describeTree(destination.at('five'))).toEqual(describeTree(source.at('five')));
    const again = await succeeds('prune', at, '--keep-last', '1', '--yes', '--json');
    expect(resultOf(again.stdout)).toMatchObject({ done: 0, kept: 2 });
    // The next export finds its parent.
    const next = await succeeds('export', source.at('three'), '--to', at, '--json');
    expect(next.stdout).not.toContain('"parent":null');
  });

  test('keeps a whole chain for its newest stream', async () => {
    const at = copyOf(archive);
    rmSync(inStream(at, 'five'), { recursive: true });
    rmSync(inStream(at, 'four'), { recursive: true });
    const ran = await succeeds('prune', at, '--keep-daily', 'unlimited', '--yes', '--json');
    expect(planIn(ran.stdout)).toMatchObject({ goes: [] });
  });

  test('with --received-by, a destination need not be brought to what it has', async () => {
    const at = copyOf(archive);
    const destination = withBtrfs();
    await succeeds('import', at, '--into', destination.mount);
    writeFileSync(source.at('home/dir/file'), 'of the sixth\n');
    const six = existsSync(source.at('six')) ? source.at('six') : source.snapshot('home', 'six');
    await succeeds('export', six, '--to', at);
    const [receipt = ''] = readdirSync(path.join(at, 'receipts'));
    const args = ['prune', at, '--keep-last', '1', '--received-by', receipt.slice(0, 8)];
    const ran = await succeeds(...args, '--yes', '--json');
    expect(planIn(ran.stdout)).toEqual({
      goes: ['one', 'two', 'three', 'four', 'five'],
      stays: { six: ['last'] },
    });
    await succeeds('import', at, '--into', destination.mount);
    expect(describeTree(destination.at('six'))).toEqual(describeTree(six));
    await fails(['import', at, '--into', withBtrfs().mount], { exit: 5, code: 'parent-missing' });
    // Without the destination, nothing that is left can be judged.
    const alone = await succeeds('prune', at, '--keep-last', '1', '--yes', '--json');
    expect(planIn(alone.stdout)).toEqual({ goes: [], stays: { six: ['unrestorable'] } });
    await fails(['prune', at, '--keep-last', '1', '--received-by', 'nobody', '--yes'], {
      exit: 2,
      code: 'destination-unknown',
      hint: receipt.slice(0, 36),
    });
  });

  test('asks on a terminal, and removes nothing without a yes', async () => {
    const at = copyOf(archive);
    const answer = (text: string) => {
      const command = `node ${path.resolve('dist/cli/main.js')} prune ${at} --keep-last 1`;
      return execFileSync('script', ['-qec', command, '/dev/null'], {
        input: `${text}\n`,
        encoding: 'utf8',
      });
    };
    expect(() => answer('n')).toThrow();
    expect(titlesIn(at)).toHaveLength(5);
    expect(answer('y')).toMatch(/remove 3 streams from .*removed\s+3\s+streams/s);
    expect(titlesIn(at)).toEqual(['five', 'four']);
  });

  test('refuses what does not say what to keep, or cannot be done', async () => {
    const at = copyOf(archive);
    const before = describeTree(at);
    const usage = (hint: string) => ({ exit: 2, code: 'usage', hint }) as const;
    await fails(['prune', at, '--yes'], usage('--keep-last'));
    await fails(['prune', at, '--keep-last', '1'], usage('--yes'));
    for (const none of ['0', 'all']) {
      await fails(['prune', at, '--keep-last', none, '--yes'], usage('--help'));
    }
    for (const none of ['3', '1w']) {
      await fails(['prune', at, '--keep-within', none, '--yes'], usage('--help'));
    }
    await fails(['prune', 'x.tar', '--keep-last', '1', '--yes'], usage('btrferry copy'));
    await fails(['prune', '-', '--keep-last', '1', '--yes'], usage('btrferry copy'));
    const nowhere = path.join(withDirectory(), 'none');
    await fails(['prune', nowhere, '--keep-last', '1', '--yes'], {
      exit: 6,
      code: 'not-an-archive',
    });
    expect(existsSync(nowhere)).toBe(false);
    expect(describeTree(at)).toEqual(before);
  });

  test('leaves drafts, damaged streams and foreign files alone', async () => {
    const at = copyOf(archive);
    writeFileSync(inStream(at, 'three', 'manifest.json'), '{}');
    rmSync(inStream(at, 'five', '0001.btrfs.zst'));
    const draft = path.join(at, 'streams/.incoming-six.12345678.full');
    mkdirSync(draft);
    writeFileSync(path.join(draft, '0001.btrfs.zst'), 'half');
    writeFileSync(path.join(at, 'streams/.notes'), 'mine');
    const ran = await succeeds('prune', at, '--keep-last', '1', '--yes', '--json');
    expect(warningsOf(ran)).toEqual(expect.arrayContaining(['unfinished', 'manifest-unusable']));
    // `three`, whose manifest cannot be read, is named for its parent.
    expect(planIn(ran.stdout)).toEqual({
      goes: [],
      stays: { one: ['needed'], two: ['needed'], four: ['last', 'needed'], five: ['damaged'] },
    });
    expect(readdirSync(draft)).toEqual(['0001.btrfs.zst']);
  });

  test('an interruption at any moment leaves a healthy archive, and the next prune finishes', async () => {
    const at = copyOf(archive);
    let moments = 0;
    for (let nth = 0; nth < 2; nth++) {
      const trial = copyOf(archive);
      let seen = 0;
      const running = begin(['prune', trial, '--keep-last', '1', '--yes', '--json'], {
        group: true,
        onLine: (line) => {
          const { type } = JSON.parse(line) as JsonEvent;
          if ((type === 'prune-planned' || type === 'stream-removed') && seen++ === nth) {
            running.kill('alone');
          }
        },
      });
      if ((await running.ended).signal === 'SIGKILL') moments++;
      const listed = resultOf((await succeeds('list', trial, '--json')).stdout);
      expect(listed?.restorable).toBe(listed?.done);
      await succeeds('verify', trial);
      await succeeds('prune', trial, '--keep-last', '1', '--yes');
      expect(titlesIn(trial)).toEqual(['five', 'four']);
    }
    expect(moments).toBeGreaterThan(0);
    // A prune leaves this if it is killed between its two steps.
    const three = inStream(at, 'three');
    renameSync(three, path.join(path.dirname(three), `.removed-${path.basename(three)}`));
    await expectHealthy(at, 4);
    const dry = await succeeds('prune', at, '--keep-last', '9', '--dry-run', '--json');
    expect(eventsIn(dry).find(({ type }) => type === 'prune-planned')).toMatchObject({
      leftovers: [expect.stringMatching(/^streams\/\.removed-three\./)],
    });
    await succeeds('export', source.at('three'), '--to', at);
    await succeeds('prune', at, '--keep-last', '9', '--yes');
    expect(titlesIn(at)).toEqual(['five', 'four', 'one', 'three', 'two']);
    await expectHealthy(at, 5);
  });

  test('is refused while an export writes, and by it', async () => {
    const at = copyOf(archive);
    let asked = false;
    const lockedBy = begin(['prune', at, '--keep-last', '1', '--yes', '--json'], {
      group: true,
      onLine: () => {
        if (asked) return;
        asked = true;
        lockedBy.kill('alone', 'SIGSTOP');
      },
    });
    await during(lockedBy, () => asked);
    await fails(['export', source.at('one'), '--to', at], { exit: 6, code: 'archive-locked' });
    await fails(['prune', at, '--keep-last', '1', '--yes'], { exit: 6, code: 'archive-locked' });
    lockedBy.kill('alone', 'SIGCONT');
    expect(await lockedBy.ended).toMatchObject({ exit: 0 });
  });

  describeReal('while another command reads', () => {
    /** Stops a run when its first stream has begun, prunes, and lets the run go on. */
    async function meanwhile(at: string, args: readonly string[]) {
      let begun = false;
      const running = begin([...args, '--json'], {
        group: true,
        onLine: (line) => {
          if (begun || (JSON.parse(line) as JsonEvent).type !== 'stream-begun') return;
          begun = true;
          running.kill('alone', 'SIGSTOP');
        },
      });
      await during(running, () => begun);
      expect(btrferrySync(['prune', at, '--keep-last', '1', '--yes']).exit).toBe(0);
      running.kill('alone', 'SIGCONT');
      return running.ended;
    }

    test.each(['verify', 'import', 'copy'])('%s ends rightly, or says so', async (command) => {
      const at = copyOf(archive);
      const destination = withBtrfs();
      const target = path.join(withDirectory(), 'target');
      const args = {
        verify: ['verify', at],
        import: ['import', at, '--into', destination.mount],
        copy: ['copy', at, target],
      }[command] as string[];
      const ran = await meanwhile(at, args);
      if (ran.exit !== 0) {
        expect(resultOf(ran.stdout)).toMatchObject({
          exit: 1,
          failure: { code: 'stream-removed', where: { archive: at } },
        });
      }
      const failures = eventsIn(ran).flatMap(
        (event) => (event.failures as object[] | undefined) ?? [],
      );
      expect(failures).toEqual([]);
      expect(eventsIn(ran).filter(({ type }) => type === 'stream-refused')).toEqual([]);
      expect(warningsOf(ran)).toEqual([]);
      expect(await btrferry(...args)).toMatchObject({ exit: 0 });
    });
  });
});
