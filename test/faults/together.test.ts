import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeReal, withBtrfs, withDirectory } from '../filesystem.ts';
import { runsStill, signalTo } from '../processes.ts';
import { expectWhole, hasFrames } from './archive.ts';
import { expectArrived, leftOvers } from './destination.ts';
import { begin, btrferry, eventsOf, receiverOf, succeeds, until } from './runs.ts';
import { makeScene, type Scene } from './scene.ts';

describeReal('two commands at once', () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await makeScene({ mebibytes: 20, seed: 6 });
  });
  afterAll(() => scene?.remove());

  test('of two exports into one archive, the second is refused while the first lives', async () => {
    const archive = withDirectory();
    const args = scene.exportTo(archive);
    const writing = begin(...args);
    expect(await until(writing, hasFrames(archive, 1))).toBe(true);
    // A writer that does nothing holds the lock; one that is dead does not.
    writing.kill('alone', 'SIGSTOP');
    expect(await btrferry(...args)).toMatchObject({
      exit: 6,
      failure: {
        code: 'archive-locked',
        message: `another btrferry is writing to ${archive}`,
        hint: expect.stringContaining('wait'),
      },
    });
    writing.kill('alone', 'SIGKILL');
    await succeeds(...args);
    await expectWhole(archive, scene.contents);
    await writing.ended;
  });

  test('two exports of the same snapshots into different archives both succeed', async () => {
    const archives = [withDirectory(), withDirectory()];
    await Promise.all(archives.map((archive) => succeeds(...scene.exportTo(archive))));
    for (const archive of archives) await expectWhole(archive, scene.contents);
  });

  test('an import reads an archive while an export writes to it', async () => {
    const archive = withDirectory();
    const [first = '', ...others] = scene.chain.snapshots;
    await succeeds('export', first, '--to', archive, ...scene.options);
    const writing = begin('export', ...others, '--to', archive, ...scene.options);
    const destination = withBtrfs();
    const into = ['import', archive, '--into', destination.mount];
    const readings = [await succeeds(...into)];
    expect((await writing.ended).exit).toBe(0);
    readings.push(await succeeds(...into));
    const received = readings.flatMap((ran) => eventsOf(ran, 'stream-done'));
    expect(received.map(({ stream }) => stream.name)).toEqual(scene.chain.names);
    await expectArrived(destination.mount, scene.chain);
    await expectWhole(archive, scene.contents);
  });

  test('of two imports into one filesystem, the second is refused while the first lives', async () => {
    const destination = withBtrfs();
    const args = scene.importInto(destination.mount);
    const receiving = begin(...args);
    const begun = () => eventsOf(receiving, 'stream-begun').length > 0;
    expect(await until(receiving, begun)).toBe(true);
    receiving.kill('alone', 'SIGSTOP');
    destination.subvolume('elsewhere');
    for (const into of [destination.mount, destination.at('elsewhere')]) {
      expect(await btrferry(...scene.importInto(into))).toMatchObject({
        exit: 6,
        failure: { code: 'destination-busy', hint: expect.stringContaining('wait') },
      });
    }
    receiving.kill('alone', 'SIGKILL');
    await receiving.ended;
    await succeeds(...args);
    await expectArrived(destination.mount, scene.chain);
  });

  test('a receive that outlives its killed import does not disturb the next import', async () => {
    const destination = withBtrfs();
    const args = scene.importInto(destination.mount);
    const killed = begin(...args);
    // It is stopped amid a stream, so it has part of that before it still.
    const receiving = () => leftOvers(destination.mount).length > 0;
    expect(await until(killed, receiving)).toBe(true);
    const receiver = receiverOf(killed) as number;
    signalTo(receiver, 'SIGSTOP');
    killed.kill('alone');
    await killed.ended;
    const ran = await succeeds(...args);
    expect(eventsOf(ran, 'warning')).toMatchObject([{ code: 'left-over-removed' }]);
    expect(runsStill(receiver)).toBe(true);
    signalTo(receiver, 'SIGCONT');
    while (runsStill(receiver)) await pause(10);
    await expectArrived(destination.mount, scene.chain);
  });
});
