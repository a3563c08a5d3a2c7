import { cpSync, rmSync, statfsSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeReal, withBtrfs, withExt4 } from '../filesystem.ts';
import {
  draftsIn,
  expectNothingHalf,
  expectWhole,
  framesJournaled,
  hasFrames,
  plantForeign,
  unfinished,
} from './archive.ts';
import { expectArrived, expectNothingHalfReceived, leftOvers } from './destination.ts';
import { fill, fillUp, withWornDrive } from './drives.ts';
import { begin, btrferry, eventsOf, type Ran, succeeds, until } from './runs.ts';
import { makeScene, type Scene } from './scene.ts';

const MiB = 2 ** 20;

const noSpace = {
  exit: 6,
  failure: { code: 'no-space', hint: expect.stringMatching(/^free some space/) },
};

describeReal('a full disk', () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await makeScene({ mebibytes: 16, seed: 4 });
  });
  afterAll(() => scene?.remove());
  const drive = () => withExt4({ size: 128 * MiB, mkfsOptions: ['-m', '0'] });

  /** Frames that the drafts in an archive hold. */
  const left = (archive: string) =>
    draftsIn(archive).reduce((sum, draft) => sum + framesJournaled(draft), 0);
  const reused = (ran: Ran) =>
    eventsOf(ran, 'stream-done').reduce((sum, done) => sum + (done.reusedFrames ?? 0), 0);

  test('at the archive: the frames written are used when there is room again', async () => {
    const { mount } = drive();
    const foreignIsThere = plantForeign(mount);
    const makeRoom = fill(mount, 8 * MiB);
    const args = scene.exportTo(mount);
    const ran = await btrferry(...args);
    expect(ran).toMatchObject(noSpace);
    expect(eventsOf(ran, 'warning')).toMatchObject([{ code: 'may-not-fit' }]);
    expect(await expectNothingHalf(mount, scene.contents)).toBe(0);
    expect(await unfinished(mount)).toEqual([expect.stringMatching(/^home\.1\./)]);
    expect(await btrferry(...args)).toMatchObject(noSpace);
    const frames = left(mount);
    expect(frames).toBeGreaterThan(3);
    makeRoom();
    expect(reused(await succeeds(...args))).toBe(frames);
    await expectWhole(mount, scene.contents);
    foreignIsThere();
  });

  test('at the archive: filled by another while it is written to', async () => {
    const { mount } = drive();
    const args = scene.exportTo(mount);
    const run = begin(...args);
    expect(await until(run, hasFrames(mount, 3))).toBe(true);
    // Held up meanwhile, or it would be through before the disk is full.
    run.kill('group', 'SIGSTOP');
    const filler = path.join(mount, 'filler');
    fillUp(filler);
    run.kill('group', 'SIGCONT');
    expect(await run.ended).toMatchObject(noSpace);
    await expectNothingHalf(mount, scene.contents);
    const frames = left(mount);
    rmSync(filler);
    expect(reused(await succeeds(...args))).toBe(frames);
    await expectWhole(mount, scene.contents);
  });

  test('at the archive: space for all but the last few kilobytes', async () => {
    const { mount } = drive();
    const free = () => {
      const { bavail, bsize } = statfsSync(mount);
      return bavail * bsize;
    };
    const before = free();
    const args = scene.exportTo(mount);
    await succeeds(...args);
    const needed = before - free();
    const clear = () => {
      for (const name of ['streams', 'btrferry.json', 'README.txt']) {
        rmSync(path.join(mount, name), { recursive: true });
      }
    };
    let all = 0;
    for (const more of [-8192, 0]) {
      clear();
      const makeRoom = fill(mount, needed + more);
      const ran = await btrferry(...args);
      expect(ran).toMatchObject(noSpace);
      // All that was whole is of use, also when it was only the manifest that did not fit.
      const frames = left(mount);
      expect(await expectNothingHalf(mount, scene.contents)).toBe(2);
      all += frames;
      makeRoom();
      expect(reused(await succeeds(...args))).toBe(frames);
      await expectWhole(mount, scene.contents);
    }
    expect(all).toBeGreaterThan(0);
  });

  test.each(['ext4', 'btrfs'] as const)(
    'at the archive: the device of the %s takes only a part of it',
    async (type) => {
      const worn = await withWornDrive(type, 10 * MiB);
      const args = scene.exportTo(worn.mount);
      const ran = await btrferry(...args);
      // A write error to one filesystem, and no room to another.
      expect([1, 6]).toContain(ran.exit);
      expect(ran.failure?.hint).toEqual(expect.any(String));
      await worn.repair();
      await expectNothingHalf(worn.mount, scene.contents);
      await succeeds(...args);
      await expectWhole(worn.mount, scene.contents);
    },
  );

  test('at the destination', async () => {
    const destination = withBtrfs({ size: 256 * MiB });
    const makeRoom = fill(destination.mount, 10 * MiB);
    const args = scene.importInto(destination.mount);
    const ran = await btrferry(...args);
    expect(ran).toMatchObject(noSpace);
    expect(eventsOf(ran, 'warning')).toMatchObject([{ code: 'may-not-fit' }]);
    expect(leftOvers(destination.mount)).toEqual([]);
    expect(await expectNothingHalfReceived(destination.mount, scene.chain)).toBe(0);
    makeRoom();
    await succeeds(...args);
    await expectArrived(destination.mount, scene.chain);
  });

  test('at the archive of an import: only a warning about the receipt', async () => {
    const { mount } = drive();
    cpSync(scene.archive, mount, { recursive: true });
    const filler = path.join(mount, 'filler');
    fillUp(filler);
    const destination = withBtrfs();
    const ran = await succeeds('import', mount, '--into', destination.mount);
    expect(eventsOf(ran, 'warning')).toMatchObject([{ code: 'receipt-not-written' }]);
    await expectArrived(destination.mount, scene.chain);
  });
});
