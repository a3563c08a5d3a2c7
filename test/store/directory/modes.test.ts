import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { directoryStore } from '../../../src/store/directory/directory.ts';
import { writeWhole } from '../../../src/store/store.ts';
import { describeReal, withDirectory, withExt4 } from '../../filesystem.ts';
import { place } from '../conformance.ts';

const umask = process.umask();
afterEach(() => void process.umask(umask));

/** Writes all that an export and an import write, and tells the mode of each. */
async function written(top: string, mode?: number): Promise<Record<string, string>> {
  const store = directoryStore(top, mode);
  const lock = await store.lock();
  await writeWhole(store, 'header', Buffer.from('h'));
  const stage = await store.stage(place('x'));
  const sink = await stage.write('part');
  await sink.write(Buffer.from('p'));
  await sink.close();
  await stage.publish([{ file: 'manifest', bytes: Buffer.from('m') }]);
  await writeWhole(store, 'receipts/r', Buffer.from('r'));
  await lock.release();
  return modes(top);
}

function modes(top: string): Record<string, string> {
  const found = execFileSync('find', [top, '-printf', '/%P %m\\n'], { encoding: 'utf8' });
  return Object.fromEntries(
    found
      .trim()
      .split('\n')
      .map((line) => line.split(' ')),
  );
}

function all(directories: string, files: string): Record<string, string> {
  return {
    '/': directories,
    '/streams': directories,
    '/streams/x': directories,
    '/receipts': directories,
    '/.lock': files,
    '/header': files,
    '/streams/x/part': files,
    '/streams/x/manifest': files,
    '/receipts/r': files,
  };
}

describe('a file made in an archive', () => {
  const fresh = () => path.join(withDirectory(), 'archive');

  it('is private, whatever the umask allows', async () => {
    process.umask(0);
    expect(await written(fresh())).toEqual(all('700', '600'));
  });

  it.each([0o022, 0o077])('has the requested mode, whatever the umask %o forbids', async (mask) => {
    process.umask(mask);
    expect(await written(fresh(), 0o775)).toEqual(all('775', '664'));
  });

  it('has the mode of streams/, which one chmod changes', async () => {
    process.umask(0o077);
    const top = fresh();
    await written(top);
    chmodSync(path.join(top, 'streams'), 0o2750);
    const stage = await directoryStore(top).stage({ ...place('y'), draft: 'streams/y' });
    await (await stage.write('part')).close();
    await writeWhole(directoryStore(top), 'receipts/s', Buffer.from('s'));
    const now = modes(top);
    expect(now).toMatchObject({ '/streams/y/part': '640', '/receipts/s': '640' });
    // The bit that hands the group on is kept.
    expect(now['/streams/y']).toBe('2750');
    // Files that existed before keep their modes.
    expect(now).toMatchObject({ '/header': '600', '/streams/x': '700', '/receipts': '700' });
  });

  it('keeps the requested mode from then on', async () => {
    const top = fresh();
    await written(top);
    await (await directoryStore(top, 0o750).lock()).release();
    expect(modes(top)).toMatchObject({ '/': '700', '/streams': '750', '/streams/x': '700' });
    await writeWhole(directoryStore(top), 'receipts/s', Buffer.from('s'));
    expect(modes(top)).toMatchObject({ '/receipts/s': '640' });
  });

  it('can be used by its owner', async () => {
    const top = fresh();
    mkdirSync(path.join(top, 'streams'), { recursive: true });
    chmodSync(path.join(top, 'streams'), 0o055);
    await writeWhole(directoryStore(top), 'receipts/r', Buffer.from('r'));
    chmodSync(path.join(top, 'streams'), 0o755);
    expect(modes(top)).toMatchObject({ '/receipts': '755', '/receipts/r': '644' });
  });
});

describeReal('a medium without modes', () => {
  it('can be written to', async () => {
    const top = withExt4().mount;
    const streams = path.join(top, 'streams');
    mkdirSync(streams);
    // Append only: one of the ways to have chmod refused.
    execFileSync('chattr', ['+a', streams]);
    const before = statSync(streams).mode;
    await (await directoryStore(top, 0o711).lock()).release();
    expect(statSync(streams).mode).toBe(before);
    execFileSync('chattr', ['-a', streams]);
    await (await directoryStore(top, 0o711).lock()).release();
    expect(statSync(streams).mode & 0o777).toBe(0o711);
  });
});
