import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { syncFilesystem } from '../../src/btrfs/change.ts';
import { send, showSendable } from '../../src/btrfs/send.ts';
import { showSubvolume } from '../../src/btrfs/subvolume.ts';
import { StreamReader } from '../../src/sendstream/reader.ts';
import { describeReal, withBtrfs } from '../filesystem.ts';
import { descendants, runsStill, until } from '../processes.ts';
import { announcedBy, chain, readAll, received, sent, shared } from './transfer.ts';

const waitsToWrite = (pid: number) =>
  !runsStill(pid) || readFileSync(`/proc/${pid}/wchan`, 'latin1').includes('pipe_write');

describeReal('identity', () => {
  test('is what the stream announces, also for a snapshot that was received', async () => {
    const source = withBtrfs();
    const relay = withBtrfs();
    const [first = ''] = chain(source);
    const stream = await sent({ snapshot: first });
    await received(relay.mount, stream);
    for (const snapshot of [first, relay.at('first')]) {
      await syncFilesystem(snapshot);
      const identity = await announcedBy(snapshot);
      const [command] = new StreamReader().push(await sent({ snapshot }));
      expect(command).toMatchObject(identity);
    }
    expect((await announcedBy(relay.at('first'))).uuid).toBe((await showSubvolume(first)).uuid);
  });

  test('of a writable subvolume is refused, with the command that helps', async () => {
    const fs = withBtrfs();
    const writable = fs.subvolume("it's");
    const refused = await showSendable(writable).catch((error) => error);
    expect(refused).toMatchObject({ code: 'not-read-only' });
    const command = /: (btrfs subvolume snapshot .*)$/.exec(refused.hint)?.[1] ?? '';
    execFileSync('sh', ['-c', command]);
    expect(await showSendable(`${writable}-ro`)).toMatchObject({ readOnly: true });
  });
});

describeReal('send', () => {
  test('output waits for its reader', async () => {
    const fs = withBtrfs();
    const [first = ''] = chain(fs);
    const sending = await send({ snapshot: first, protocol: 1 });
    // Everything that lies between is full then, or the stream is shorter than that.
    await until(() => descendants(process.pid).every(waitsToWrite));
    const stream = await readAll(sending);
    await sending.done;
    expect(stream.equals(await sent({ snapshot: first }))).toBe(true);
  });

  test('says why it failed, after its output ended', async () => {
    const fs = withBtrfs();
    const writable = fs.subvolume('s');
    const sending = await send({ snapshot: writable, protocol: 1 });
    expect(await readAll(sending)).toHaveLength(0);
    await expect(sending.done).rejects.toMatchObject({
      code: 'send-failed',
      message: expect.stringContaining('read-only'),
    });
  });

  test('stops when it is aborted, and when its reader leaves', async () => {
    const fs = withBtrfs();
    const [first = ''] = chain(fs);
    const controller = new AbortController();
    const stopped = await send({ snapshot: first, protocol: 1, signal: controller.signal });
    await stopped.fill(shared(1000));
    controller.abort();
    await readAll(stopped);
    await expect(stopped.done).rejects.toMatchObject({ code: 'interrupted' });
    const left = await send({ snapshot: first, protocol: 1 });
    await left.fill(shared(1000));
    left.stop();
    await expect(left.done).rejects.toMatchObject({ code: 'send-failed' });
    fs.unmount();
  });
});
