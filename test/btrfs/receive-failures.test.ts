import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { expect, test, vi } from 'vitest';
import { deleteSubvolume, renameSubvolume } from '../../src/btrfs/change.ts';
import { prove } from '../../src/btrfs/proof.ts';
import { describeReal, describeTree, withBtrfs, withDirectory } from '../filesystem.ts';
import { program } from '../program.ts';
import { announcedBy, chain, receive, received, sent } from './transfer.ts';

describeReal('receive that fails', () => {
  test('says that something else ended it', async () => {
    const { mount } = withBtrfs();
    const receiving = await receive({ into: mount });
    const kill = () => spawnSync('pkill', ['-KILL', '-f', `^btrfs -q receive -m ${mount} `]);
    await vi.waitFor(() => expect(kill().status).toBe(0));
    const message = expect.stringContaining('failed: ended by SIGKILL');
    await expect(receiving.end()).rejects.toMatchObject({ code: 'receive-failed', message });
  });

  test('a stream that is cut short', async () => {
    const source = withBtrfs();
    const destination = withBtrfs();
    const [first = ''] = chain(source);
    const stream = await sent({ snapshot: first });
    const failure = { code: 'receive-failed' };
    await expect(received(destination.mount, stream.subarray(0, 2_000_000))).rejects.toMatchObject(
      failure,
    );
    const half = destination.at('first');
    const identity = { ...(await announcedBy(first)), parent: null };
    await expect(prove(half, identity)).rejects.toMatchObject({
      code: 'proof-failed',
      message: expect.stringContaining('writable, received UUID none'),
    });
    await expect(received(destination.mount, stream)).rejects.toMatchObject({
      code: 'receive-failed',
      message: expect.stringContaining('File exists'),
    });
    await deleteSubvolume(half);
    await received(destination.mount, stream);
    await prove(half, identity);
    for (const other of [{ ctransid: 1n }, { parent: identity.uuid }]) {
      await expect(prove(half, { ...identity, ...other })).rejects.toMatchObject({
        code: 'proof-failed',
      });
    }
  });

  test('reports its own error instead of a broken pipe while the stream is written', async () => {
    const destination = withBtrfs();
    const receiving = await receive({ into: destination.mount });
    const garbage = Buffer.alloc(1_000_000, 'garbage');
    const writing = async () => {
      for (;;) await receiving.write(garbage);
    };
    const failure = { code: 'receive-failed', message: expect.stringMatching(/failed: \S+ .*/) };
    await expect(writing()).rejects.toMatchObject(failure);
    await expect(receiving.end()).rejects.toMatchObject(failure);
  });

  test('fails for an error on stderr, whatever the exit code', async () => {
    const source = withBtrfs();
    source.subvolume('lender');
    writeFileSync(source.at('lender/file'), Buffer.alloc(1_000_000, 'lent'));
    const lender = source.snapshot('lender', 'lender-1');
    source.subvolume('s');
    const parent = source.snapshot('s', 's-1');
    execFileSync('cp', ['--reflink=always', source.at('lender/file'), source.at('s/clone')]);
    const snapshot = source.snapshot('s', 's-2');
    const destination = withBtrfs();
    destination.subvolume('sub');
    await received(destination.mount, await sent({ snapshot: lender }));
    await received(destination.at('sub'), await sent({ snapshot: parent }));
    const stream = await sent({ snapshot, parent, cloneSources: [lender] });

    // The clone source is there, but outside of what is mounted: btrfs itself calls that a success.
    destination.remount('subvol=sub');
    execFileSync('btrfs', ['receive', destination.mount], { input: stream, stdio: 'pipe' });
    expect(readFileSync(destination.at('s-2/clone')).length).toBe(0);
    await deleteSubvolume(destination.at('s-2'));
    await expect(received(destination.mount, stream)).rejects.toMatchObject({
      code: 'receive-failed',
    });

    destination.remount('subvol=/');
    await deleteSubvolume(destination.at('sub/s-2'));
    await received(destination.at('sub'), stream);
    expect(describeTree(destination.at('sub/s-2'))).toEqual(describeTree(snapshot));
  });

  test('reports a full filesystem', async () => {
    const source = withBtrfs();
    source.subvolume('s');
    for (let i = 0; i < 4; i++) {
      execFileSync('dd', [
        'if=/dev/urandom',
        `of=${source.at(`s/${i}`)}`,
        'bs=1M',
        'count=40',
        'status=none',
      ]);
    }
    const snapshot = source.snapshot('s', 'snap');
    const destination = withBtrfs({ size: 128 * 2 ** 20 });
    await expect(received(destination.mount, await sent({ snapshot }))).rejects.toMatchObject({
      code: 'no-space',
    });
  });

  test('stops when it is aborted, and leaves the incomplete subvolume', async () => {
    const source = withBtrfs();
    const destination = withBtrfs();
    const [first = ''] = chain(source);
    const stream = await sent({ snapshot: first });
    const receiving = await receive({ into: destination.mount });
    await receiving.write(stream.subarray(0, 2_000_000));
    await receiving.abort();
    const controller = new AbortController();
    const other = await receive({ into: destination.mount, signal: controller.signal });
    controller.abort();
    await expect(other.end()).rejects.toMatchObject({ code: 'interrupted' });
    await expect(other.write(stream)).rejects.toMatchObject({ code: 'interrupted' });
    const early = receive({ into: destination.mount, signal: controller.signal });
    await expect(early).rejects.toMatchObject({ code: 'interrupted' });
    destination.unmount();
  });

  test('never runs a program from the current directory', async () => {
    const directory = withDirectory();
    const names = ['btrfs', 'nice', 'nsenter', 'unshare'];
    for (const name of names) {
      const file = path.join(directory, name);
      writeFileSync(file, '#!/bin/sh\ntouch "$0.ran"\n', { mode: 0o755 });
    }
    for (const PATH of ['', '.', `:${path.dirname(process.execPath)}:`]) {
      const options = { cwd: directory, env: { PATH }, encoding: 'utf8' } as const;
      execFileSync(process.execPath, [program, 'doctor'], options);
    }
    expect(readdirSync(directory).sort()).toEqual(names);
  });

  test('programs start in a current directory whose name is not UTF-8', () => {
    const script = `at=$(printf 'n\\377') && mkdir "$at" && cd "$at" && exec "$@"`;
    const command = ['-c', script, 'sh', process.execPath, program, 'doctor'];
    const found = execFileSync('sh', command, { cwd: withDirectory(), encoding: 'utf8' });
    expect(found).not.toContain('not installed');
  });

  test('does not replace an existing name', async () => {
    const fs = withBtrfs();
    fs.subvolume('from');
    fs.subvolume('empty');
    mkdirSync(fs.at('directory'));
    writeFileSync(fs.at('file'), 'x');
    for (const taken of ['empty', 'directory', 'file']) {
      await expect(renameSubvolume(fs.mount, 'from', taken)).rejects.toMatchObject({
        code: 'destination-unfit',
      });
    }
    symlinkSync('from', fs.at('link'));
    for (const other of ['directory', 'file', 'link', 'nothing']) {
      expect(await deleteSubvolume(fs.at(other))).toBe(false);
    }
    fs.subvolume('from/nested');
    await expect(deleteSubvolume(fs.at('from'))).rejects.toMatchObject({ code: 'storage-failed' });
    expect(existsSync(fs.at('from/nested'))).toBe(true);
  });
});
