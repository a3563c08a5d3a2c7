import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { directoryStore } from '../../../src/store/directory/directory.ts';
import { readWhole, writeWhole } from '../../../src/store/store.ts';
import { describeReal, withExt4 } from '../../filesystem.ts';
import { isWritableStore, keepsStagedFiles, place } from '../conformance.ts';

const made: string[] = [];
const fresh = async () => {
  const path = await mkdtemp(join(tmpdir(), 'btrferry-store-'));
  made.push(path);
  return path;
};
afterAll(() => Promise.all(made.map((path) => rm(path, { recursive: true }))));

const openFresh = async () => {
  const path = await fresh();
  return { store: directoryStore(path), again: () => directoryStore(path) };
};

isWritableStore('a directory', openFresh);
keepsStagedFiles('a directory', openFresh);

describe('where every call takes long', () => {
  let clock = 0;
  beforeAll(() => void vi.spyOn(performance, 'now').mockImplementation(() => clock++));
  afterAll(() => void vi.restoreAllMocks());

  isWritableStore('a directory on a slow medium', openFresh);
  keepsStagedFiles('a directory on a slow medium', openFresh);
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
    await expect(store.stage({ ...place('x'), draft: 'streams/x' })).rejects.toThrow(
      'symbolic link',
    );
  });

  const refused = { code: 'read-failed' };

  it('refuses them below a directory that it knows, and entries that are not files', async () => {
    const top = await fresh();
    await mkdir(join(top, 'streams/a'), { recursive: true });
    await symlink('/etc', join(top, 'streams/b'));
    await symlink('/etc/hostname', join(top, 'streams/a/link'));
    execFileSync('mkfifo', [join(top, 'streams/a/pipe')]);
    const store = directoryStore(top);
    expect(await store.list('streams')).toEqual([
      { name: 'a', kind: 'directory', length: 0 },
      { name: 'b', kind: 'other', length: 0 },
    ]);
    expect((await store.list('streams/a')).map(({ kind }) => kind)).toEqual(['other', 'other']);
    await expect(store.list('streams/b')).rejects.toThrow('streams/b is a symbolic link');
    for (let again = 0; again < 2; again++) {
      const read = (path: string) => readWhole(store.read(path), 99);
      await expect(read('streams/a')).rejects.toMatchObject(refused);
      await expect(read('streams/a/pipe')).rejects.toMatchObject(refused);
      await expect(read('streams/a/link')).rejects.toThrow('symbolic link');
      await expect(read('streams/b/hostname')).rejects.toThrow('streams/b is a symbolic link');
      await expect(read('streams/a/none')).rejects.toThrow('it is not there');
      await expect(store.list('streams/a/../a')).rejects.toThrow('leaves the archive');
    }
  });

  it('is unlocked as soon as the holder of its lock is killed', async () => {
    const top = await fresh();
    const holder = spawn(process.execPath, [
      '--input-type=module',
      '-e',
      `const { directoryStore } = await import(${JSON.stringify(join(process.cwd(), 'dist/store/directory/directory.js'))});
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

describeReal('a drive that is unmounted during a read', () => {
  it('is distinguished from damage', async () => {
    const { mount } = withExt4();
    const top = join(mount, 'archive');
    await mkdir(join(top, 'streams/a'), { recursive: true });
    await writeFile(join(top, 'streams/a/f'), 'f');
    const store = directoryStore(top);
    expect(await store.list('streams/a')).toEqual([{ name: 'f', kind: 'file', length: 1 }]);
    expect(await readWhole(store.read('streams/a/f'), 9)).toEqual(Buffer.from('f'));
    execFileSync('umount', [mount]);
    for (const left of [false, true]) {
      // A directory below the mount point is not the archive, even if it looks like it.
      if (left) await mkdir(join(top, 'streams/a/f'), { recursive: true });
      for (const action of [
        () => store.list('streams'),
        () => store.list('streams/b'),
        () => readWhole(store.read('streams/a/f'), 9),
        () => readWhole(store.read('streams/b/f'), 9),
        () => writeWhole(store, 'streams/a/g', Buffer.from('g')),
        () => store.stage(place('x')),
      ]) {
        await expect(action()).rejects.toThrow('no longer mounted');
      }
      expect(existsSync(join(top, 'streams/a/g'))).toBe(false);
      expect(existsSync(join(top, 'streams/.incoming-x'))).toBe(false);
    }
  });
});

describeReal('a medium that is read-only', () => {
  it('is distinguished from one that fails', async () => {
    const { mount, remount } = withExt4();
    await writeFile(join(mount, 'f'), 'f');
    remount('ro');
    const store = directoryStore(mount);
    await expect(store.lock()).rejects.toMatchObject({ code: 'archive-unfit' });
    await expect(writeWhole(store, 'f', Buffer.from('g'))).rejects.toMatchObject({
      code: 'archive-unfit',
    });
    await expect(store.stage({ ...place('x'), draft: 'streams/x' })).rejects.toMatchObject({
      code: 'archive-unfit',
    });
    expect(await readWhole(store.read('f'), 9)).toEqual(Buffer.from('f'));
  });
});
