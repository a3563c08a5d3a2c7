import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import {
  type Btrfs,
  describeReal,
  describeTree,
  withBtrfs,
  withDirectory,
  withExt4,
} from '../filesystem.ts';
import { fails, program, succeeds } from '../program.ts';
import { randomFile } from './everything.ts';

/** A drive for about 26 MiB of stream. */
const small = { size: 40 * 2 ** 20, mkfsOptions: ['-m', '0'] };

describeReal('an import of several media', () => {
  let source: Btrfs;
  let snapshots: string[] = [];

  beforeAll(() => {
    source = withBtrfs();
    source.subvolume('home');
    randomFile(source.at('home/a'), 1_000_000);
    snapshots = [source.snapshot('home', 'one')];
    randomFile(source.at('home/large'), 60_000_000);
    snapshots.push(source.snapshot('home', 'two'));
    randomFile(source.at('home/b'), 1_000_000);
    snapshots.push(source.snapshot('home', 'three'));
  });
  afterAll(() => source?.remove());

  /** Spreads the snapshots over drives; gives the mount point of each by its label. */
  async function spread(): Promise<Map<string, string>> {
    const drives = [withExt4(small), withExt4(small), withExt4(small)].map(({ mount }) => mount);
    const to = drives.flatMap((drive) => ['--to', drive]);
    await succeeds('export', ...snapshots, '--span', ...to, '--label', 'usb');
    return new Map(drives.map((drive, at) => [`usb ${at + 1}`, drive]));
  }

  test('asks on a terminal for each by its label, where only one can be connected', async () => {
    const drives = await spread();
    const port = withDirectory();
    const connect = (drive: string | undefined) =>
      execFileSync('mount', ['--bind', drive ?? '', port]);
    const disconnect = () => execFileSync('umount', [port]);
    connect(drives.get('usb 1'));
    onTestFinished(() => void disconnect());
    const destination = withBtrfs();
    const command = `${process.execPath} ${program} import ${port} --into ${destination.mount}`;
    // script(1) runs the command on a terminal of its own.
    const child = spawn('script', ['-qec', command, '/dev/null']);
    let [seen, answered] = ['', 0];
    child.stdout.on('data', (piece: Buffer) => {
      seen += piece;
      const question = seen.slice(answered);
      if (!question.endsWith(']: ')) return;
      answered = seen.length;
      const label = /usb \d/.exec(question)?.[0] ?? '';
      disconnect();
      connect(drives.get(label));
      child.stdin.write('\n');
    });
    const [code] = await once(child, 'close');
    expect(code, seen).toBe(0);
    for (const snapshot of snapshots) {
      const name = path.basename(snapshot);
      expect(describeTree(destination.at(name))).toEqual(describeTree(snapshot));
    }
  });

  test('names the medium that is missing where nobody can answer, or does not', async () => {
    const drives = await spread();
    const [first = '', second = ''] = drives.values();
    const destination = withBtrfs();
    const command = ['import', first, second, '--into', destination.mount];
    await fails(command, { exit: 5, code: 'medium-missing', hint: '"usb 3"' });
    const typed = `${process.execPath} ${program} ${command.join(' ')}`;
    const child = spawn('script', ['-qec', typed, '/dev/null']);
    let seen = '';
    child.stdout.on('data', (piece: Buffer) => {
      seen += piece;
      if (piece.includes(']: ')) child.stdin.write('\u0004');
    });
    const [code] = await once(child, 'close');
    expect(code, seen).toBe(5);
    expect(seen).toContain('usb 3');
  });
});
