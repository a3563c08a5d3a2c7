import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Btrfs, describeTree, withBtrfs, withDirectory } from '../filesystem.ts';
import { describeObjectStore } from '../objectstore/objectstore.ts';
import { begin, type JsonEvent, program, type Ran, succeeds } from '../program.ts';
import { everything, randomFile, snapshots } from './everything.ts';

const MiB = 2 ** 20;

/** Kills a run with all its programs when an event of this kind comes for the `nth` time. */
async function killedAt(args: readonly string[], type: string, nth: number): Promise<Ran> {
  let seen = 0;
  const running = begin([...args, '--json'], {
    group: true,
    onLine: (line) => {
      const event = JSON.parse(line) as JsonEvent;
      if (event.type === type && ++seen === nth) running.kill('group');
    },
  });
  const ran = await running.ended;
  expect(ran.signal, `${args[0]} ended before it was killed: ${ran.stderr}`).toBe('SIGKILL');
  return ran;
}

interface Piped {
  readonly sender: ChildProcess;
  readonly receiver: ChildProcess;
  /** Exit codes, or null for a signal. */
  readonly ended: Promise<readonly (number | null)[]>;
}

/** Runs `copy <archive> - | import - --into <where>`. */
function pipe(archive: string, where: string): Piped {
  const run = (args: readonly string[], stdin: 'ignore' | ChildProcess['stdout']) =>
    spawn(process.execPath, [program, ...args], { stdio: [stdin, 'pipe', 'pipe'] });
  const sender = run(['copy', archive, '-', '--json'], 'ignore');
  const receiver = run(['import', '-', '--into', where, '--json'], sender.stdout);
  // The pipe ends only when this process has let go of it, too.
  sender.stdout?.destroy();
  const ended = Promise.all(
    [sender, receiver].map(async (child) => {
      child.stderr?.resume();
      child.stdout?.resume();
      const [code] = await once(child, 'exit');
      return code as number | null;
    }),
  );
  return { sender, receiver, ended };
}

/** Resolves when a run with `--json` has begun this stream. */
function begun({ stdout }: ChildProcess, index: number): Promise<void> {
  return new Promise((resolve) => {
    stdout?.on('data', (text) => {
      if (`${text}`.includes(`"index":${index}`)) resolve();
    });
  });
}

describeObjectStore('source, object store, tar file, pipe, destination', (store) => {
  let source: Btrfs;
  beforeAll(() => {
    source = withBtrfs();
    everything(source);
    // Large enough to be killed in the middle of an upload.
    source.subvolume('large');
    randomFile(path.join(source.at('large'), 'file'), 60 * MiB);
    source.snapshot('large', 'sixth');
    for (const [name, value] of Object.entries(store().env)) vi.stubEnv(name, value);
  });
  afterAll(() => {
    source?.remove();
    vi.unstubAllEnvs();
  });

  const all = [...snapshots, 'sixth'];
  const expectArrived = (destination: Btrfs) => {
    for (const name of all) {
      expect(describeTree(destination.at(name)), name).toEqual(describeTree(source.at(name)));
    }
  };

  test('a chain arrives equal, though each process is killed once on each leg', async () => {
    const archive = `${await store().bucket()}/home`;
    const asked = all.map((name) => source.at(name));
    const exported = ['export', ...asked, '--clone-source', source.at('library.1')];
    const toStore = [...exported, '--to', archive];
    await killedAt(toStore, 'stream-begun', 3);
    await killedAt(toStore, 'progress', 1);
    await succeeds(...toStore);
    await succeeds('verify', archive);

    const tar = path.join(withDirectory(), 'home.tar');
    await killedAt(['copy', archive, tar], 'stream-begun', 4);
    expect(existsSync(tar)).toBe(false);
    await succeeds('copy', archive, tar);
    await succeeds('verify', tar);

    const destination = withBtrfs();
    const first = pipe(tar, destination.mount);
    await begun(first.receiver, 3);
    first.sender.kill('SIGKILL');
    const [sent, received] = await first.ended;
    expect([sent, received]).toEqual([null, 4]);
    const second = pipe(tar, destination.mount);
    await begun(second.receiver, 2);
    second.receiver.kill('SIGKILL');
    expect((await second.ended)[1]).toBeNull();
    expect(await pipe(tar, destination.mount).ended).toEqual([0, 0]);
    expectArrived(destination);

    const straight = withBtrfs();
    await killedAt(['import', archive, '--into', straight.mount], 'stream-begun', 3);
    await succeeds('import', archive, '--into', straight.mount);
    expectArrived(straight);
  });

  test('what the store holds can be fetched and restored with stock tools', async () => {
    const archive = `${await store().bucket()}/home`;
    await succeeds('export', source.at('first'), source.at('second'), '--to', archive);
    const directory = path.join(withDirectory(), 'copied');
    mkdirSync(directory);
    await succeeds('copy', archive, directory);
    const stock = withBtrfs();
    const restore = 'sha256sum -c --quiet SHA256SUMS; cat *.btrfs.zst | zstd -d | btrfs receive';
    for (const name of ['first', 'second']) {
      const script = `set -e -o pipefail; cd ${directory}/streams/${name}.*; ${restore} ${stock.mount}`;
      execFileSync('bash', ['-c', script], { stdio: 'pipe' });
      expect(describeTree(stock.at(name))).toEqual(describeTree(source.at(name)));
    }
  });

  test('the next export is incremental, and one that is done again does nothing', async () => {
    const archive = `${await store().bucket()}/home`;
    await succeeds('export', source.at('first'), '--to', archive);
    const next = await succeeds('export', source.at('second'), '--to', archive, '--json');
    expect(next.stdout).toContain('"parent":{"name":"first"');
    const again = await succeeds('export', source.at('second'), '--to', archive);
    expect(again.stdout).toBe('nothing to export; 1 there already\n');
  });
});
