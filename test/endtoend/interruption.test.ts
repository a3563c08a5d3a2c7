import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import {
  type Btrfs,
  describeReal,
  describeTree,
  withBtrfs,
  withDirectory,
  withProgram,
} from '../filesystem.ts';
import { descendants, runsStill, until } from '../processes.ts';
import {
  begin,
  btrferry,
  during,
  eventsIn,
  expectComplaint,
  type Ran,
  type Running,
  succeeds,
} from '../program.ts';
import { copyOf, inStream, published, subvolumes } from './chainlet.ts';
import { randomFile } from './everything.ts';

const MiB = 2 ** 20;
const size = { size: 1024 * MiB };

/** Ends a run by a signal, and waits until every process that it started is gone. */
async function interrupt(running: Running, signal: NodeJS.Signals): Promise<Ran> {
  const children = descendants(running.pid);
  expect(children.length).toBeGreaterThan(0);
  running.child.kill(signal);
  const ran = await running.ended;
  // It waits for its children, unless it has no time to.
  if (signal !== 'SIGKILL') expect(children.filter(runsStill)).toEqual([]);
  await until(() => !children.some(runsStill));
  return ran;
}

/** Bytes in the largest file of a directory, which need not exist. */
function largest(directory: string): number {
  if (!existsSync(directory)) return 0;
  return Math.max(
    0,
    ...readdirSync(directory).map((name) => {
      const stats = statSync(path.join(directory, name), { throwIfNoEntry: false });
      return stats?.isFile() ? stats.size : 0;
    }),
  );
}

/** The unfinished entries of a directory, which need not exist. */
const incoming = (directory: string) =>
  existsSync(directory) ? readdirSync(directory).filter((name) => temporary.test(name)) : [];
const temporary = /^\.incoming-|^\.btrferry-incoming-[0-9a-f-]{36,}$/;

describeReal('interrupted in the middle of 300 MB', () => {
  let source: Btrfs;
  let snapshot: string;
  /** Of an undisturbed run. */
  let archive: string;

  beforeAll(async () => {
    source = withBtrfs(size);
    const home = source.subvolume('home');
    randomFile(path.join(home, 'large'), 150_000_000);
    randomFile(path.join(home, 'other'), 150_000_000);
    snapshot = source.snapshot('home', 'snap');
    archive = withDirectory();
    await succeeds('export', snapshot, '--to', archive);
  });
  afterAll(() => source?.remove());

  /** Begins an export, and waits until it has written so many bytes of the stream. */
  async function exporting(to: string, bytes: number): Promise<Running> {
    const running = begin(['export', snapshot, '--to', to]);
    const streams = path.join(to, 'streams');
    await during(running, () => {
      const [name = 'none'] = incoming(streams);
      return largest(path.join(streams, name)) > bytes;
    });
    return running;
  }

  test.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)(
    'an export ended by %s is continued',
    async (signal) => {
      const to = withDirectory();
      const ran = await interrupt(await exporting(to, 60 * MiB), signal);
      if (signal === 'SIGKILL') expect(ran.signal).toBe('SIGKILL');
      else {
        expect(ran).toMatchObject({ exit: 130, signal: null });
        expect(ran.stderr).toMatch(/^error: interrupted$/m);
      }
      expect(readdirSync(path.join(to, 'streams'))).toEqual(incoming(path.join(to, 'streams')));
      const listed = await btrferry('list', to);
      expect(listed).toMatchObject({
        exit: 0,
        stdout: expect.stringContaining('unfinished  snap.'),
      });

      const told = eventsIn(await succeeds('export', snapshot, '--to', to, '--json'));
      expect(told.at(-1)).toMatchObject({ done: 1, exit: 0 });
      const done = told.find(({ type }) => type === 'stream-done');
      expect(done?.reusedFrames).toBeGreaterThan(20);
      expect(incoming(path.join(to, 'streams'))).toEqual([]);
      expect(partsIn(to)).toEqual(partsIn(archive));
    },
  );

  test('an export that another one started again can still be continued', async () => {
    const to = withDirectory();
    await interrupt(await exporting(to, 30 * MiB), 'SIGINT');
    await interrupt(await exporting(to, 90 * MiB), 'SIGKILL');
    await succeeds('export', snapshot, '--to', to);
    expect(partsIn(to)).toEqual(partsIn(archive));
  });

  test('the second signal does not wait for a process that ignores signals', async () => {
    const [begun, asked] = ['begun', 'asked'].map((name) => path.join(withDirectory(), name));
    const deaf = `trap 'touch ${asked}' INT TERM; touch ${begun}; while :; do sleep 20 & wait; done`;
    withProgram('btrfs', `case "$*" in *"-q send"*) ${deaf} ;; esac\nexec "$real" "$@"`);
    const running = begin(['export', snapshot, '--to', withDirectory()]);
    await during(running, () => existsSync(begun as string));
    const children = descendants(running.pid);
    onTestFinished(() => {
      for (const pid of children.filter(runsStill)) process.kill(pid, 'SIGKILL');
    });
    running.child.kill('SIGINT');
    await during(running, () => existsSync(asked as string));
    running.child.kill('SIGINT');
    expect(await running.ended).toMatchObject({ exit: null, signal: 'SIGINT' });
    expect(children.filter(runsStill)).not.toEqual([]);
  });

  /** Begins an import, and waits until so many bytes were received. */
  async function importing(into: string, bytes: number): Promise<Running> {
    const running = begin(['import', archive, '--into', into]);
    await during(running, () => {
      const [name = 'none'] = incoming(into);
      return largest(path.join(into, name)) > bytes;
    });
    return running;
  }

  const mine = '.btrferry-incoming-of-mine';

  test.each(['SIGINT', 'SIGKILL'] as const)(
    'an import ended by %s leaves nothing permanent',
    async (signal) => {
      const destination = withBtrfs(size);
      // Names that look much like it are not its own.
      destination.subvolume(mine);
      mkdirSync(destination.at('.btrferry-incoming-00000000-0000-0000-0000-00000000000'));
      const before = subvolumes(destination);
      const names = readdirSync(destination.mount);
      const medium = published(archive);
      const ran = await interrupt(await importing(destination.mount, 40 * MiB), signal);
      if (signal === 'SIGINT') {
        expect(ran).toMatchObject({ exit: 130, signal: null });
        expectOneLine(ran);
        expect(subvolumes(destination)).toEqual(before);
        expect(readdirSync(destination.mount)).toEqual(names);
      } else {
        expect(readdirSync(destination.mount)).toHaveLength(names.length + 1);
      }
      const again = await succeeds('import', archive, '--into', destination.mount);
      const removed =
        /^warning: removed .*\.btrferry-incoming-[0-9a-f-]{36,}, which an interrupted/m;
      if (signal === 'SIGKILL') expect(again.stderr).toMatch(removed);
      else expect(again.stderr).not.toMatch(removed);
      expect(describeTree(destination.at('snap'))).toEqual(describeTree(snapshot));
      expect(readdirSync(destination.mount).sort()).toEqual([...names, 'snap'].sort());
      expect(subvolumes(destination)).toHaveLength(before.length + 2);
      expect(published(archive)).toEqual(medium);
    },
  );

  test('a refused import removes the leftovers of a killed one, and a dry run does not', async () => {
    const destination = withBtrfs(size);
    const running = await importing(destination.mount, 10 * MiB);
    await interrupt(running, 'SIGKILL');
    const left = incoming(destination.mount);
    expect(left).toHaveLength(1);
    await succeeds('import', archive, '--into', destination.mount, '--dry-run');
    expect(incoming(destination.mount)).toEqual(left);
    const broken = copyOf(archive);
    const ran = await btrferry(
      'import',
      broken,
      '--into',
      destination.mount,
      '--only',
      'x',
      '--json',
    );
    expectComplaint(ran, { exit: 2, code: 'not-found', hint: 'btrferry list' });
    expect(incoming(destination.mount)).toEqual([]);
  });
});

/** An interruption is told in one line. */
function expectOneLine(ran: Ran): void {
  expect(ran.stderr.split('\n').filter((line) => line.startsWith('error: '))).toEqual([
    'error: interrupted',
  ]);
}

/** Parts of the stream with their hashes, as the manifest has them. */
function partsIn(archive: string): unknown {
  const text = readFileSync(inStream(archive, 'snap', 'manifest.json'), 'utf8');
  return (JSON.parse(text) as { parts: unknown }).parts;
}
