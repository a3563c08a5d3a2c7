import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { directoryStore } from '../../src/store/directory.ts';
import { readWhole } from '../../src/store/store.ts';
import { conforms } from './conformance.ts';

const made: string[] = [];
const fresh = async () => {
  const path = await mkdtemp(join(tmpdir(), 'btrferry-store-'));
  made.push(path);
  return path;
};
afterAll(() => Promise.all(made.map((path) => rm(path, { recursive: true }))));

conforms('a directory', async () => {
  const path = await fresh();
  return { store: directoryStore(path), again: () => directoryStore(path) };
});

describe('a directory', () => {
  it('refuses symbolic links on the way and at the end', async () => {
    const top = await fresh();
    await writeFile(join(top, 'secret'), 'secret');
    await symlink('/etc', join(top, 'streams'));
    await symlink('secret', join(top, 'link'));
    const store = directoryStore(top);
    await expect(readWhole(store.read('streams/hostname'), 99)).rejects.toThrow('symbolic link');
    await expect(readWhole(store.read('link'), 99)).rejects.toThrow('symbolic link');
    await expect(store.stage('streams/x')).rejects.toThrow('symbolic link');
  });

  it('is free again as soon as the holder of its lock was killed', async () => {
    const top = await fresh();
    const holder = spawn(process.execPath, [
      '--input-type=module',
      '-e',
      `const { directoryStore } = await import(${JSON.stringify(join(process.cwd(), 'dist/store/directory.js'))});
       await directoryStore(${JSON.stringify(top)}).lock();
       console.log('held');
       setInterval(() => {}, 1e6);`,
    ]);
    await once(holder.stdout, 'data');
    await expect(directoryStore(top).lock()).rejects.toThrow('another btrferry is writing');
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    await (await directoryStore(top).lock()).release();
  });
});
