import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { deleteSubvolume } from '../../src/btrfs/change.ts';
import { receiverInto } from '../../src/btrfs/receive.ts';
import { encodeCommand, encodeHeader } from '../../src/sendstream/writer.ts';
import {
  describeReal,
  describeTree,
  withBtrfs,
  withDirectory,
  withExt4,
  withProgram,
} from '../filesystem.ts';
import { announcedBy, chain, received, sent } from './transfer.ts';

/** A stream that begins as an increment to `parent` and goes on with writes to these paths. */
async function writesTo(parent: string, paths: string[], { node = false } = {}) {
  const identity = await announcedBy(parent);
  const uuid = 'cafe0001-1234-4321-aaaa-0123456789ab';
  const text = (value: string) => Buffer.from(value);
  return Buffer.concat([
    encodeHeader(1),
    encodeCommand(
      {
        type: 'SNAPSHOT',
        path: text('hostile'),
        uuid,
        ctransid: 7n,
        cloneUuid: identity.uuid,
        cloneCtransid: identity.ctransid,
      },
      1,
    ),
    ...(node
      ? [
          encodeCommand(
            { type: 'MKNOD', path: text('node'), ino: 999n, mode: 0o20666n, rdev: 0x103n },
            1,
          ),
        ]
      : []),
    ...paths.map((to) =>
      encodeCommand({ type: 'WRITE', path: text(to), fileOffset: 0n, data: text('pwned') }, 1),
    ),
    encodeCommand({ type: 'END' }, 1),
  ]);
}

describeReal('confinement', () => {
  test('a symbolic link of the parent leads nowhere', async () => {
    const outside = withDirectory();
    const elsewhere = withBtrfs();
    const fs = withBtrfs();
    const victims = [
      path.join(outside, 'victim'),
      elsewhere.at('victim'),
      fs.at('victim'),
      fs.at('other/victim'),
    ];
    mkdirSync(fs.at('other'));
    mkdirSync(fs.at('into'));
    for (const victim of victims) writeFileSync(victim, 'whole');
    fs.subvolume('s');
    for (const [i, victim] of victims.entries()) symlinkSync(victim, fs.at(`s/${i}`));
    symlinkSync('/proc/sys/kernel/hostname', fs.at('s/proc'));
    const parent = fs.snapshot('s', 'parent');
    const hostname = readFileSync('/proc/sys/kernel/hostname', 'utf8');

    // Without confinement the very same stream does its harm.
    const attack = await writesTo(parent, ['0']);
    execFileSync('btrfs', ['receive', fs.at('into')], { input: attack, stdio: 'pipe' });
    expect(readFileSync(victims[0] ?? '', 'utf8')).toBe('pwned');
    writeFileSync(victims[0] ?? '', 'whole');
    await deleteSubvolume(fs.at('into/hostile'));

    for (const [path, why] of [
      ...['0', '1', '2', '3', 'proc'].map((link) => [link, 'Too many levels of symbolic links']),
      ['../../victim', 'Read-only file system'],
    ] as const) {
      await expect(received(fs.at('into'), await writesTo(parent, [path]))).rejects.toMatchObject({
        code: 'receive-failed',
        message: expect.stringContaining(why),
      });
      await deleteSubvolume(fs.at('into/hostile'));
    }
    expect(victims.map((victim) => readFileSync(victim, 'utf8'))).toEqual(
      victims.map(() => 'whole'),
    );
    expect(readFileSync('/proc/sys/kernel/hostname', 'utf8')).toBe(hostname);
  });

  test('device nodes can be made but not opened', async () => {
    const fs = withBtrfs();
    fs.subvolume('s');
    symlinkSync('/dev/null', fs.at('s/link'));
    const parent = fs.snapshot('s', 'parent');
    mkdirSync(fs.at('into'));
    for (const [target, why] of [
      ['link', 'Too many levels of symbolic links'],
      ['node', 'Permission denied'],
    ] as const) {
      const stream = await writesTo(parent, [target], { node: true });
      await expect(received(fs.at('into'), stream)).rejects.toMatchObject({
        code: 'receive-failed',
        message: expect.stringContaining(why),
      });
      await deleteSubvolume(fs.at('into/hostile'));
    }
  });

  test('without unshare, a weaker confinement is used and reported', async () => {
    const source = withBtrfs();
    const [first = ''] = chain(source);
    const stream = await sent({ snapshot: first });
    const destination = withBtrfs();
    mkdirSync(destination.at('plain'));
    withProgram('unshare', 'exit 1');
    expect(await received(destination.mount, stream)).toMatchObject({ confinement: 'chroot' });
    expect(await received(destination.at('plain'), stream)).toMatchObject({ confinement: 'none' });
    expect(describeTree(destination.at('first'))).toEqual(describeTree(first));
  });

  /** Receives a chain, doing something before each stream; gives what each receive saw mounted. */
  async function mountsSeen(before: (stream: number) => void): Promise<string[]> {
    const source = withBtrfs();
    const snapshots = chain(source);
    const destination = withBtrfs();
    const seen = `"$last/seen"`;
    const look = `for last; do :; done; cat /proc/self/mountinfo >${seen}`;
    withProgram('btrfs', `case "$*" in *' receive '*) ${look} ;; esac; exec "$real" "$@"`);
    const receiver = receiverInto(destination.mount);
    onTestFinished(receiver.close);
    const tables: string[] = [];
    for (const [i, snapshot] of snapshots.entries()) {
      const stream = await sent({ snapshot, parent: snapshots[i - 1] });
      before(i);
      const receiving = await receiver.receive();
      await receiving.write(stream);
      expect(await receiving.end()).toMatchObject({ stderr: [], confinement: 'namespace' });
      tables.push(readFileSync(destination.at('seen'), 'latin1'));
    }
    for (const table of tables) {
      const writable = table
        .split('\n')
        .filter((line) => / rw[, ]/.test(line.split(' - ')[0] ?? ''));
      const others = writable.filter((line) => !line.includes(` ${destination.mount} `));
      // A mount that another one hides can't be reached.
      const points = others.map((line) => line.split(' ')[4]);
      const hidden = (point = '') => table.split(` ${point} `).length > 2;
      expect(points.filter((point) => !hidden(point))).toEqual([]);
    }
    return tables;
  }

  test('one namespace serves many streams', async () => {
    const made = path.join(withDirectory(), 'made');
    withProgram('unshare', `echo >>'${made}'; exec "$real" "$@"`);
    const mounts: string[] = [];
    const counts: number[] = [];
    await mountsSeen(() => {
      mounts.push(readFileSync('/proc/self/mountinfo', 'latin1'));
      counts.push(existsSync(made) ? readFileSync(made).length : 0);
    });
    // Other tests mount too.
    if (mounts.every((one) => one === mounts[0])) expect(counts).toEqual([0, 1, 1]);
  });

  test('a filesystem mounted between two streams is read-only in the next', async () => {
    const drive = withExt4();
    drive.unmount();
    // As systemd has all mounts: what is mounted below this one is mounted everywhere.
    const shared = withDirectory();
    execFileSync('mount', ['--bind', shared, shared]);
    onTestFinished(() => void execFileSync('umount', ['-l', '-R', shared]));
    execFileSync('mount', ['--make-shared', shared]);
    const at = path.join(shared, 'drive');
    mkdirSync(at);
    const tables = await mountsSeen((stream) => {
      if (stream > 0) execFileSync('umount', [at]);
      execFileSync('mount', ['-o', 'loop', drive.image, at]);
    });
    expect(tables.map((table) => table.includes(` ${at} ro,`))).toEqual([true, true, true]);
  });

  test('without nsenter, each stream has a namespace of its own', async () => {
    withProgram('nsenter', 'exit 1');
    await mountsSeen(() => {});
  });

  test('an unshare that is a wrapper changes nothing', async () => {
    withProgram('unshare', '"$real" "$@"');
    await mountsSeen(() => {});
  });

  test('mount points with odd names, hidden ones and ones below the destination', async () => {
    const source = withBtrfs();
    const [first = ''] = chain(source);
    const stream = await sent({ snapshot: first });
    const destination = withBtrfs();
    const odd = path.join(withDirectory(), "back\\slash new\nline 'quote' $(x) *");
    const tmpfs = (at: string) => {
      mkdirSync(at, { recursive: true });
      execFileSync('mount', ['-t', 'tmpfs', 'none', at]);
    };
    tmpfs(odd);
    tmpfs(destination.at('into/below'));
    tmpfs(path.join(odd, 'hidden/deep'));
    tmpfs(path.join(odd, 'hidden'));
    const outcome = await received(destination.at('into'), stream);
    expect(outcome).toEqual({ exitCode: 0, stderr: [], confinement: 'namespace' });
    execFileSync('umount', [destination.at('into/below')]);
    execFileSync('umount', [path.join(odd, 'hidden')]);
    execFileSync('umount', [path.join(odd, 'hidden/deep')]);
    execFileSync('umount', [odd]);
  });
});
