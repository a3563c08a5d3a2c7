import { execFileSync } from 'node:child_process';
import { readdirSync, rmSync, statfsSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { describeReal, describeTree, withBtrfs, withDirectory, withExt4 } from '../filesystem.ts';
import { btrferry, eventsIn, fails, succeeds, warningsOf } from '../program.ts';
import { makeChain, names, published, subvolumes } from './chainlet.ts';
import { randomFile } from './everything.ts';

const MiB = 2 ** 20;

/** Without the blocks that are kept for root. */
const small = { size: 64 * MiB, mkfsOptions: ['-m', '0'] };

/** Fills a filesystem so that only so many bytes are free. */
function leaveFree(directory: string, bytes: number): string {
  const file = path.join(directory, 'filler');
  const { bavail, bsize } = statfsSync(directory);
  execFileSync('fallocate', ['-l', `${bavail * bsize - bytes}`, file]);
  return file;
}

describeReal('no space left', () => {
  test('in the archive: complete streams stay, and the same command continues', async () => {
    const source = withBtrfs();
    const snapshots = makeChain(source);
    randomFile(source.at('home/more'), 20_000_000);
    snapshots.push(source.snapshot('home', 'four'));
    const drive = withExt4(small);
    const filler = leaveFree(drive.mount, 14 * MiB);
    const archive = path.join(drive.mount, 'archive');
    const command = ['export', ...snapshots, '--to', archive];
    const ran = await fails(command, {
      exit: 6,
      code: 'no-space',
      where: { archive, file: expect.stringMatching(/0001\.btrfs\.zst$/) },
    });
    expect(warningsOf(ran)).toEqual(['may-not-fit']);
    const before = published(archive);
    expect(before.filter((line) => line.includes('manifest.json'))).toHaveLength(3);

    // Also when it is full to the brim.
    const brim = leaveFree(archive, 0);
    await fails(command, {
      exit: 6,
      code: 'no-space',
      where: { archive },
    });
    expect(published(archive)).toEqual(before);
    rmSync(brim);
    rmSync(filler);

    const told = eventsIn(await succeeds(...command, '--json'));
    expect(told.at(-1)).toMatchObject({ done: 1, skipped: 3 });
    expect(told.find(({ type }) => type === 'stream-done')?.reusedFrames).toBeGreaterThan(0);
    const destination = withBtrfs();
    await succeeds('import', archive, '--into', destination.mount);
    for (const snapshot of snapshots) {
      const arrived = destination.at(path.basename(snapshot));
      expect(describeTree(arrived)).toEqual(describeTree(snapshot));
    }
  });

  test('in one of two archives: the other one is completed', async () => {
    const source = withBtrfs();
    const snapshots = makeChain(source);
    const drive = withExt4(small);
    leaveFree(drive.mount, 3 * MiB);
    const large = withDirectory();
    const ran = await btrferry('export', ...snapshots, '--to', drive.mount, '--to', large);
    expect(ran.exit).toBe(3);
    expect(ran.stderr).toMatch(/^given up: .*no space left while writing/m);
    expect(readdirSync(path.join(large, 'streams'))).toHaveLength(3);
    const destination = withBtrfs();
    await succeeds('import', large, '--into', destination.mount);
    expect(readdirSync(destination.mount).sort()).toEqual([...names].sort());
  });

  test('at the destination: only the streams received before stay', async () => {
    const source = withBtrfs();
    const snapshots = makeChain(source);
    randomFile(source.at('home/more'), 100_000_000);
    snapshots.push(source.snapshot('home', 'four'));
    const archive = withDirectory();
    await succeeds('export', ...snapshots, '--to', archive);
    const medium = published(archive);

    const destination = withBtrfs({ size: 256 * MiB });
    const filler = leaveFree(destination.mount, 50 * MiB);
    const command = ['import', archive, '--into', destination.mount];
    const ran = await fails(command, {
      exit: 6,
      code: 'no-space',
      where: { path: destination.mount },
    });
    expect(warningsOf(ran)).toContain('may-not-fit');
    expect(readdirSync(destination.mount).sort()).toEqual(['filler', ...names].sort());
    expect(subvolumes(destination)).toHaveLength(6);
    expect(published(archive)).toEqual(medium);

    rmSync(filler);
    execFileSync('btrfs', ['filesystem', 'sync', destination.mount]);
    const again = await succeeds(...command);
    expect(again.stdout).toMatch(/^received 1 stream, .*; 3 there already\n$/);
    for (const snapshot of snapshots) {
      const arrived = destination.at(path.basename(snapshot));
      expect(describeTree(arrived)).toEqual(describeTree(snapshot));
    }
  });
});
