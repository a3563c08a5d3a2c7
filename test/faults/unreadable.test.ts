import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, truncateSync, writeSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeReal, withBtrfs, withExt4 } from '../filesystem.ts';
import { contentsOf, entries } from './archive.ts';
import { remountCold } from './drives.ts';
import { btrferry, eventsOf, succeeds } from './runs.ts';
import { makeScene, type Scene } from './scene.ts';

const MiB = 2 ** 20;

/** The directory of a stream in an archive. */
function streamOf(archive: string, name: string): string {
  const found = Object.keys(contentsOf(archive)).find((directory) => directory.startsWith(name));
  return path.join(archive, 'streams', found ?? '');
}

/** Where a piece of a file lies in the image of its filesystem. */
function positionInImage(image: string, file: string, from: number): number {
  execFileSync('sync', ['-f', file]);
  const piece = readFileSync(file).subarray(from, from + 4096);
  const position = readFileSync(image).indexOf(piece);
  expect(position).toBeGreaterThan(0);
  return position;
}

describeReal('an archive with unreadable places', () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await makeScene({ mebibytes: 12, seed: 5 });
  });
  afterAll(() => scene?.remove());

  test('its image is cut short: verify reads to the end, and import receives the streams before', async () => {
    const drive = withExt4({ size: 128 * MiB });
    const archive = drive.mount;
    await succeeds(...scene.exportTo(archive));
    const second = path.join(streamOf(archive, 'home.2'), '0001.btrfs.zst');
    const cut = positionInImage(drive.image, second, 8192);
    await remountCold(drive);
    truncateSync(drive.image, cut);

    const verified = await btrferry('verify', archive);
    expect(verified).toMatchObject({ exit: 4, failure: undefined });
    const reports = eventsOf(verified, 'stream-verified');
    expect(reports.map(({ stream }) => stream.name)).toEqual(scene.chain.names);
    const [whole, damaged] = reports;
    expect(whole).toMatchObject({ failures: [], losses: [] });
    expect(damaged?.failures).toMatchObject([
      {
        code: 'read-failed',
        message: expect.stringMatching(/0001\.btrfs\.zst at byte \d+: the medium reports an I\/O/),
        hint: expect.stringContaining('check the drive'),
      },
    ]);
    expect(damaged?.dependents.map(({ name }) => name)).toContain('home.3');

    const quick = await btrferry('verify', '--quick', archive);
    expect(quick).toMatchObject({ exit: 4, failure: undefined });

    const destination = withBtrfs();
    const args = ['import', archive, '--into', destination.mount];
    const partial = await btrferry(...args, '--partial');
    expect(partial).toMatchObject({ exit: 3, failure: undefined });
    expect(entries(destination.mount)).toEqual(['home.1']);
    const [planned] = eventsOf(partial, 'import-planned');
    // Once the kernel has met an error, it may give zeros in place of it.
    const unreadable = expect.stringMatching(/^(read-failed|seek-table-damaged)$/);
    expect(planned?.refused.map(({ name, failure }) => [name, failure.code])).toEqual([
      ['home.2', unreadable],
      ['home.3', unreadable],
    ]);
    expect((await btrferry(...args)).exit).toBe(4);
    expect(entries(destination.mount)).toEqual(['home.1']);
  });

  test('one bad sector: verify names the part and reads all others', async () => {
    const drive = withBtrfs();
    const archive = drive.mount;
    await succeeds(...scene.exportTo(archive));
    const part = path.join(streamOf(archive, 'home.1'), '0002.btrfs.zst');
    const position = positionInImage(drive.image, part, 40_960);
    const image = openSync(drive.image, 'r+');
    writeSync(image, Buffer.alloc(512, 0x5a), 0, 512, position + 100);
    closeSync(image);
    await remountCold(drive);
    // btrfs finds its own checksum wrong, and reports what any bad sector gives.
    expect(() => readFileSync(part)).toThrow('EIO');

    const verified = await btrferry('verify', archive);
    expect(verified).toMatchObject({ exit: 4, failure: undefined });
    const [damaged, ...others] = eventsOf(verified, 'stream-verified');
    expect(damaged?.failures).toMatchObject([
      {
        code: 'read-failed',
        message: expect.stringMatching(
          /0002\.btrfs\.zst: frame 0 .*: the medium reports an I\/O error/,
        ),
      },
    ]);
    // A frame of 2 MiB is lost, with the files in it, and what is around it is not.
    expect(damaged?.losses).toHaveLength(1);
    const [{ from, to, files } = { from: 0, to: 0, files: [] }] = damaged?.losses ?? [];
    expect(to - from).toBeGreaterThanOrEqual(2 * MiB);
    expect(to - from).toBeLessThan(2.5 * MiB);
    expect(files.length).toBeGreaterThan(0);
    expect(damaged?.dependents.map(({ name }) => name)).toEqual(['home.2', 'home.3']);
    for (const other of others) expect(other).toMatchObject({ failures: [], losses: [] });
    expect(others).toHaveLength(2);

    const destination = withBtrfs();
    const ran = await btrferry('import', archive, '--into', destination.mount);
    expect(ran).toMatchObject({ exit: 4, failure: { code: 'read-failed' } });
    expect(entries(destination.mount)).toEqual([]);
  });
});
