import { closeSync, fstatSync } from 'node:fs';
import { expect, test } from 'vitest';
import { openPipe } from '../../src/btrfs/pipe.ts';
import { readPipe } from '../../src/btrfs/pipe-reader.ts';
import { send } from '../../src/btrfs/send.ts';
import { describeReal, withProgram } from '../filesystem.ts';

describeReal('a pipe', () => {
  test.each([
    ['kill -INT $$', { code: 'interrupted' }],
    ['exit 127', { code: 'storage-failed', hint: expect.stringContaining('install') }],
    ['echo "mkfifo: no room" >&2; exit 1', { message: 'no pipe in /run: mkfifo: no room' }],
  ])('an mkfifo that does `%s` is not reported as our defect', async (does, failure) => {
    withProgram('mkfifo', does);
    await expect(openPipe()).rejects.toMatchObject({ name: 'Failure', ...failure });
    const sending = send({ snapshot: '/', protocol: 1 });
    await expect(sending).rejects.toMatchObject({ name: 'Failure', ...failure });
  });

  test('is closed when its reader fails', async () => {
    const { readEnd, writeEnd } = await openPipe();
    closeSync(readEnd);
    const { fill, close } = readPipe(writeEnd);
    const room = new Uint8Array(new SharedArrayBuffer(10));
    await expect(fill(room)).rejects.toMatchObject({ code: 'EBADF' });
    expect(() => fstatSync(writeEnd)).toThrow('EBADF');
    expect(await fill(room)).toBe(0);
    close();
  });
});
