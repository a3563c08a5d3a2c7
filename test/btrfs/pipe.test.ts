import { closeSync, fstatSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { openPipe } from '../../src/btrfs/pipe.ts';
import { readPipe } from '../../src/btrfs/pipe-reader.ts';
import { describeReal, withDirectory } from '../filesystem.ts';

describeReal('a pipe', () => {
  test('Ctrl-C while it is made is an interruption, and leaves nothing', async () => {
    const programs = withDirectory();
    const interrupted = '#!/bin/sh\nkill -INT $$\n';
    writeFileSync(path.join(programs, 'mkfifo'), interrupted, { mode: 0o755 });
    vi.stubEnv('PATH', `${programs}:${process.env.PATH}`);
    onTestFinished(() => void vi.unstubAllEnvs());
    await expect(openPipe()).rejects.toMatchObject({ code: 'interrupted' });
  });

  test('is closed when its reader fails, and read no more', async () => {
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
