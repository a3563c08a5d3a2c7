import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { describeReal, withBtrfs, withDirectory, withExt4 } from '../filesystem.ts';
import { signalTo } from '../processes.ts';
import { entries, expectNothingHalf, expectWhole, hasFrames } from './archive.ts';
import { makeChain } from './chain.ts';
import { expectArrived, expectNothingHalfReceived, subvolumesOf } from './destination.ts';
import { dropCaches, isAttached, withPluggedDrive } from './drives.ts';
import { begin, eventsOf, type Ran, type Run, receiverOf, succeeds, until } from './runs.ts';
import { makeScene, type Scene } from './scene.ts';

const MiB = 2 ** 20;

const unmountLazily = (mount: string) => execFileSync('umount', ['-l', mount]);

/** Does something to a run once a stream has begun, and waits for its end. */
async function whenBegun(run: Run, index: number, action: () => void): Promise<Ran> {
  const begun = () => eventsOf(run, 'stream-begun').some((event) => event.index === index);
  expect(await until(run, begun)).toBe(true);
  action();
  return run.ended;
}

const told = ({ exit, failure }: Ran) => ({ exit, code: failure?.code, hint: failure?.hint });

describeReal('a medium that goes away in the middle', () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await makeScene({ mebibytes: 20, seed: 3 });
  });
  afterAll(() => scene?.remove());

  const gone = { exit: 1, code: 'storage-failed', hint: expect.stringMatching(/^mount it again/) };

  const pulled = {
    exit: 1,
    code: expect.any(String),
    hint: expect.stringMatching(/^check the drive|needs a check/),
  };

  test.each([1, 2])('unmounted lazily: the archive of an export, in stream %i', async (index) => {
    const drive = withExt4({ size: 256 * MiB });
    const args = scene.exportTo(drive.mount);
    const ran = await whenBegun(begin(...args), index, () => unmountLazily(drive.mount));
    expect(told(ran)).toEqual(gone);
    // Nothing was written below the mount point.
    expect(entries(drive.mount)).toEqual([]);
    drive.remount();
    expect(await expectNothingHalf(drive.mount, scene.contents)).toBe(index - 1);
    await succeeds(...args);
    await expectWhole(drive.mount, scene.contents);
  });

  test('unmounted lazily: the archive of an import', async () => {
    const drive = withExt4({ size: 256 * MiB });
    await succeeds(...scene.exportTo(drive.mount));
    const destination = withBtrfs();
    const args = ['import', drive.mount, '--into', destination.mount];
    const ran = await whenBegun(begin(...args), 1, () => unmountLazily(drive.mount));
    expect(told(ran)).toEqual(gone);
    expect(entries(drive.mount)).toEqual([]);
    await expectNothingHalfReceived(destination.mount, scene.chain);
    drive.remount();
    await succeeds(...args);
    await expectArrived(destination.mount, scene.chain);
    expect(entries(`${drive.mount}/receipts`)).toHaveLength(1);
  });

  test('unmounted lazily: a verified archive is not called damaged', async () => {
    const drive = withExt4({ size: 256 * MiB });
    await succeeds(...scene.exportTo(drive.mount));
    const run = begin('verify', drive.mount);
    const ran = await whenBegun(run, 1, () => unmountLazily(drive.mount));
    expect(told(ran)).toEqual(gone);
    expect(eventsOf(ran, 'stream-verified')).toEqual([]);
  });

  test('unmounted lazily: the destination of an import, where another btrfs lies below', async () => {
    const below = withBtrfs();
    const into = below.at('mnt');
    mkdirSync(into);
    const destination = withBtrfs();
    destination.unmount();
    const mount = () => execFileSync('mount', ['-o', 'loop', destination.image, into]);
    mount();
    // Full streams only: nothing but the mount is in their way.
    const archive = `${below.mount}/archive`;
    await succeeds('export', ...scene.chain.snapshots, '--to', archive, '--parent', 'none');
    const args = ['import', archive, '--into', into];
    const ran = await whenBegun(begin(...args), 1, () => unmountLazily(into));
    expect(ran).toMatchObject({ exit: 6, failure: { hint: expect.stringMatching(/mount/) } });
    expect(entries(into)).toEqual([]);
    expect(await subvolumesOf(below.mount)).toEqual({});
    mount();
    await expectNothingHalfReceived(into, scene.chain);
    await succeeds(...args);
    await expectArrived(into, scene.chain);
  });

  test('unmounted while an import runs: the destination is busy', async () => {
    const destination = withBtrfs();
    const args = scene.importInto(destination.mount);
    const ran = await whenBegun(begin(...args), 2, () => {
      expect(() => execFileSync('umount', [destination.mount], { stdio: 'pipe' })).toThrow(/busy/);
    });
    expect(ran.exit).toBe(0);
    execFileSync('umount', [destination.mount]);
  });

  test('unmounted while an import runs: another drive can be unmounted', async () => {
    const drive = withExt4();
    drive.unmount();
    // As systemd has all mounts: what is unmounted below this one is unmounted everywhere.
    const shared = withDirectory();
    execFileSync('mount', ['--bind', shared, shared]);
    onTestFinished(() => void execFileSync('umount', ['-l', shared]));
    execFileSync('mount', ['--make-shared', shared]);
    const mount = `${shared}/drive`;
    mkdirSync(mount);
    execFileSync('mount', ['-o', 'loop', drive.image, mount]);

    const destination = withBtrfs();
    const args = scene.importInto(destination.mount);
    const run = begin(...args);
    expect(await until(run, () => receiverOf(run) !== undefined)).toBe(true);
    const receiver = receiverOf(run) as number;
    signalTo(receiver, 'SIGSTOP');
    execFileSync('umount', [mount]);
    // Its data would not be written yet, were it still mounted for the receive.
    const tries = Array.from({ length: 100 });
    for (const _ of tries) if (isAttached(drive.image)) await pause(20);
    const stillMounted = isAttached(drive.image);
    signalTo(receiver, 'SIGCONT');
    expect(stillMounted).toBe(false);
    expect((await run.ended).exit).toBe(0);
  });

  test('unmounted lazily: the source of an export', async () => {
    const { mount } = withExt4({ size: 256 * MiB });
    const args = scene.exportTo(mount);
    const { source } = scene;
    const run = begin(...args);
    expect(await until(run, hasFrames(mount, 3))).toBe(true);
    unmountLazily(source.mount);
    const ran = await run.ended;
    source.remount();
    // Open files are sent to their end. Which program misses the next one first is chance.
    expect([1, 6]).toContain(ran.exit);
    expect(ran.failure?.message).toContain(source.mount);
    await expectNothingHalf(mount, scene.contents);
    await succeeds(...args);
    await expectWhole(mount, scene.contents);
  });

  test.each(['ext4', 'btrfs'] as const)(
    'pulled out: the archive of an export, %s',
    async (type) => {
      const drive = withPluggedDrive(type);
      const args = scene.exportTo(drive.mount);
      const run = begin(...args);
      expect(await until(run, hasFrames(drive.mount, 4))).toBe(true);
      drive.pull();
      const ran = await run.ended;
      // ext4 turns read-only when its device fails.
      const readOnly = { ...pulled, exit: 6, code: 'archive-unfit' };
      const failed = { ...pulled, code: 'storage-failed' };
      expect([readOnly, failed]).toContainEqual(told(ran));
      await drive.plug();
      await expectNothingHalf(drive.mount, scene.contents);
      await succeeds(...args);
      await expectWhole(drive.mount, scene.contents);
    },
  );

  test('pulled out: the archive of an import', async () => {
    const drive = withPluggedDrive('ext4');
    await succeeds(...scene.exportTo(drive.mount));
    await drive.remount();
    dropCaches();
    const destination = withBtrfs();
    const args = ['import', drive.mount, '--into', destination.mount];
    const ran = await whenBegun(begin(...args), 1, () => drive.pull());
    expect(told(ran)).toEqual({ ...pulled, exit: 4, code: 'read-failed' });
    await expectNothingHalfReceived(destination.mount, scene.chain);
    await drive.plug();
    await succeeds(...args);
    await expectArrived(destination.mount, scene.chain);
  });

  test('pulled out: the destination of an import', async () => {
    const drive = withPluggedDrive('btrfs');
    const args = scene.importInto(drive.mount);
    const ran = await whenBegun(begin(...args), 2, () => drive.pull());
    expect(told(ran)).toEqual(pulled);
    await drive.plug();
    await expectNothingHalfReceived(drive.mount, scene.chain);
    await succeeds(...args);
    await expectArrived(drive.mount, scene.chain);
  });

  test('pulled out: the source of an export', async () => {
    const drive = withPluggedDrive('btrfs');
    const chain = makeChain(drive.mount, { mebibytes: 20, seed: 8 });
    await drive.remount();
    dropCaches();
    const { mount } = withExt4({ size: 256 * MiB });
    const args = ['export', ...chain.snapshots, '--to', mount];
    const run = begin(...args);
    expect(await until(run, hasFrames(mount, 2))).toBe(true);
    drive.pull();
    const ran = await run.ended;
    // The send that runs, or the look at the next snapshot: which misses the drive first is chance.
    expect(told(ran)).toEqual(pulled);
    expect(['send-failed', 'storage-failed']).toContain(ran.failure?.code);
    await drive.plug();
    await succeeds(...args);
    const destination = withBtrfs();
    await succeeds('import', mount, '--into', destination.mount);
    await expectArrived(destination.mount, chain);
  });
});
