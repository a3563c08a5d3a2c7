import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeReal, withBtrfs, withDirectory } from '../filesystem.ts';
import { begin, btrferry, expectComplaint, fails, succeeds } from '../program.ts';
import { type Chainlet, everythingAt, expectArrived, makeChainlet } from './chainlet.ts';
import { remount } from './spoil.ts';

let made: Chainlet;

describeReal('a destination that is refused', () => {
  beforeAll(async () => {
    made = await makeChainlet();
  });
  afterAll(() => made?.source.remove());

  test('says what is wrong with the destination', async () => {
    const command = (into: string) => ['import', made.archive, '--into', into];
    const destination = withBtrfs();
    await fails(command(destination.at('nowhere')), {
      exit: 2,
      code: 'not-found',
      where: { path: destination.at('nowhere') },
    });
    await fails(command(withDirectory()), {
      exit: 6,
      code: 'not-btrfs',
      where: { expected: 'btrfs' },
    });
    writeFileSync(destination.at('file'), '');
    await fails(command(destination.at('file')), {
      exit: 6,
      code: 'destination-unfit',
      where: { path: destination.at('file') },
    });
    const before = everythingAt(destination);
    remount(destination, 'ro');
    await fails(command(destination.mount), {
      exit: 6,
      code: 'destination-unfit',
      where: { path: destination.mount },
    });
    remount(destination, 'rw');
    expect(everythingAt(destination)).toEqual(before);
    destination.subvolume('sub');
    await fails(command(destination.snapshot('sub', 'frozen')), {
      exit: 6,
      code: 'destination-unfit',
      where: { path: destination.at('frozen') },
    });
    for (const name of ['frozen', 'sub']) {
      execFileSync('btrfs', ['-q', 'subvolume', 'delete', destination.at(name)]);
    }
    await succeeds(...command(destination.mount));
    expectArrived(made, destination);
  });

  test('needs root, and excludes another import', async () => {
    const destination = withBtrfs();
    const command = ['import', made.archive, '--into', destination.mount, '--json'];
    const ran = await begin(command, { uid: 65534 }).ended;
    expectComplaint(ran, { exit: 6, code: 'not-root', hint: 'sudo' });

    const both = await Promise.all([btrferry(...command), btrferry(...command)]);
    const [late] = both.filter(({ exit }) => exit !== 0);
    // Where one has ended before the other began, that one has nothing to do.
    if (late !== undefined) {
      expectComplaint(late, {
        exit: 6,
        code: 'destination-busy',
      });
    }
    expect(both.some(({ exit }) => exit === 0)).toBe(true);
    expectArrived(made, destination);
  });
});
