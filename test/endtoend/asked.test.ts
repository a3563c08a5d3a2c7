import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { type Btrfs, describeReal, withBtrfs, withDirectory, withExt4 } from '../filesystem.ts';
import { fails, onTerminal, succeeds } from '../program.ts';
import { expectEqual, makeLargeSource, small } from './spanned.ts';

describeReal('an import of several media', () => {
  let source: Btrfs;
  let snapshots: string[] = [];

  beforeAll(() => {
    ({ source, snapshots } = makeLargeSource());
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
    const args = ['import', port, '--into', destination.mount];
    const { exit, seen } = await onTerminal(args, (question) => {
      if (!question.endsWith(']: ')) return undefined;
      const label = /usb \d/.exec(question)?.[0] ?? '';
      disconnect();
      connect(drives.get(label));
      return '\n';
    });
    expect(exit, seen).toBe(0);
    expectEqual(snapshots, destination);
  });

  test('names the medium that is missing where nobody can answer, or does not', async () => {
    const drives = await spread();
    const [first = '', second = ''] = drives.values();
    const destination = withBtrfs();
    const command = ['import', first, second, '--into', destination.mount];
    await fails(command, { exit: 5, code: 'medium-missing', hint: '"usb 3"' });
    // An archive without a part of the stream is not taken for the medium, though others have one.
    const other = withDirectory();
    await succeeds('export', ...snapshots.slice(0, 1), '--to', other);
    const typed = [`${other}\n`, '\u0004'];
    const { exit, seen } = await onTerminal(command, (text) =>
      text.endsWith(']: ') ? typed.shift() : undefined,
    );
    expect(exit, seen).toBe(5);
    expect(seen).toContain(`${other} has no streams/two.`);
    expect(seen).toContain('usb 3');
  });
});
