import { execFileSync, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { receiverInto } from '../../src/btrfs/receive.ts';
import {
  deleteSubvolume,
  prove,
  renameSubvolume,
  syncFilesystem,
} from '../../src/btrfs/received.ts';
import { type Sending, type SendOptions, send, showSendable } from '../../src/btrfs/send.ts';
import { showSubvolume } from '../../src/btrfs/subvolume.ts';
import { StreamReader } from '../../src/sendstream/reader.ts';
import { encodeCommand, encodeHeader } from '../../src/sendstream/writer.ts';
import { program } from '../cli/btrferry.ts';
import {
  type Btrfs,
  describeReal,
  describeTree,
  withBtrfs,
  withDirectory,
  withExt4,
  withProgram,
} from '../filesystem.ts';

async function sent(options: Omit<SendOptions, 'protocol'> & { protocol?: 1 | 2 }) {
  const sending = await send({ protocol: 1, ...options });
  const stream = await readAll(sending);
  await sending.done;
  return stream;
}

async function readAll({ fill }: Sending): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (;;) {
    const piece = shared(100_000);
    const length = await fill(piece);
    pieces.push(Buffer.from(piece.subarray(0, length)));
    if (length < piece.length) return Buffer.concat(pieces);
  }
}

function shared(length: number) {
  return new Uint8Array(new SharedArrayBuffer(length));
}

function receive(options: { into: string | Buffer; signal?: AbortSignal }) {
  const receiver = receiverInto(options.into);
  onTestFinished(receiver.close);
  return receiver.receive(options.signal);
}

async function received(into: string | Buffer, stream: Uint8Array) {
  const receiver = receiverInto(into);
  try {
    const receiving = await receiver.receive();
    for (let at = 0; at < stream.length; at += 100_000) {
      await receiving.write(stream.subarray(at, at + 100_000));
    }
    return await receiving.end();
  } finally {
    receiver.close();
  }
}

/** A chain of three snapshots: files, links, nodes, a clone within, a clone across. */
function chain(fs: Btrfs): string[] {
  const origin = fs.subvolume('origin');
  const at = (name: string) => path.join(origin, name);
  mkdirSync(at('dir'));
  writeFileSync(at('dir/large'), Buffer.alloc(3_000_000, 'large'));
  writeFileSync(at('dir/na\nme\x01 ü'), 'odd');
  symlinkSync('dir/large', at('link'));
  execFileSync('mknod', [at('null'), 'c', '1', '3']);
  execFileSync('mkfifo', [at('fifo')]);
  execFileSync('ln', [at('dir/large'), at('hard')]);
  execFileSync('setfattr', ['-n', 'user.a', '-v', 'b', at('dir')]);
  const first = fs.snapshot('origin', 'first');
  copyFileSync(at('dir/large'), at('copy'));
  execFileSync('cp', ['--reflink=always', at('dir/large'), at('clone')]);
  const second = fs.snapshot('origin', 'second');
  appendFileSync(at('clone'), 'more');
  return [first, second, fs.snapshot('origin', 'third')];
}

/** What a stream of a snapshot would announce. */
async function announcedBy(snapshot: string | Buffer): Promise<{ uuid: string; ctransid: bigint }> {
  const { uuid, receivedUuid, ctransid } = await showSubvolume(snapshot);
  return { uuid: receivedUuid ?? uuid, ctransid };
}

describeReal('send and receive', () => {
  test.each(['', 'plain', 'sub', 'sub/in'])('a chain arrives equal in "%s"', async (where) => {
    const source = withBtrfs();
    const destination = withBtrfs();
    const snapshots = chain(source);
    mkdirSync(destination.at('plain'));
    destination.subvolume('sub');
    mkdirSync(destination.at('sub/in'));
    const into = destination.at(where);
    let parent: string | undefined;
    for (const snapshot of snapshots) {
      const outcome = await received(into, await sent({ snapshot, parent }));
      expect(outcome).toEqual({ exitCode: 0, stderr: [], confinement: 'namespace' });
      const arrived = path.join(into, path.basename(snapshot));
      const local = parent === undefined ? null : path.join(into, path.basename(parent));
      await prove(arrived, {
        ...(await announcedBy(snapshot)),
        parent: local && (await showSubvolume(local)).uuid,
      });
      expect((await showSubvolume(arrived)).readOnly).toBe(true);
      expect(describeTree(arrived)).toEqual(describeTree(snapshot));
      parent = snapshot;
    }
    // The mounts of this process are what they were.
    writeFileSync(destination.at('writable'), '');
  });

  test('mounted by subvol=, with clone sources that lie elsewhere', async () => {
    const source = withBtrfs();
    const [first = '', second = '', third = ''] = chain(source);
    const destination = withBtrfs();
    destination.subvolume('sub');
    destination.remount('subvol=sub');
    for (const name of ['a', 'b', 'c d']) mkdirSync(destination.at(name));
    await received(destination.at('a'), await sent({ snapshot: first }));
    await received(destination.at('b'), await sent({ snapshot: second }));
    const stream = await sent({ snapshot: third, parent: first, cloneSources: [second] });
    expect(await received(destination.at('c d'), stream)).toMatchObject({ stderr: [] });
    expect(describeTree(destination.at('c d/third'))).toEqual(describeTree(third));
  });

  test('the second protocol, with data as it is stored', async () => {
    const source = withBtrfs({ mountOptions: 'compress-force=zstd' });
    const [first = ''] = chain(source);
    const plain = await sent({ snapshot: first });
    const stored = await sent({ snapshot: first, protocol: 2, compressedData: true });
    expect(stored.length).toBeLessThan(plain.length / 2);
    expect(stored.readUInt32LE(13)).toBe(2);
    const destination = withBtrfs();
    await received(destination.mount, stored);
    expect(describeTree(destination.at('first'))).toEqual(describeTree(first));
    expect((await sent({ snapshot: first, noData: true })).length).toBeLessThan(100_000);
  });

  test('names that are not UTF-8 pass through every command', async () => {
    const source = withBtrfs();
    const destination = withBtrfs();
    const name = Buffer.from([0x20, 0xff, 0x25, 0x73, 0x0a]);
    source.subvolume('s');
    writeFileSync(Buffer.concat([Buffer.from(source.at('s/')), Buffer.from([0xfe])]), 'x');
    source.snapshot('s', name);
    const snapshot = Buffer.concat([Buffer.from(source.at('x').slice(0, -1)), name]);
    const into = Buffer.concat([Buffer.from(destination.at('x').slice(0, -1)), name]);
    mkdirSync(into);
    const identity = await announcedBy(snapshot);
    await received(into, await sent({ snapshot }));
    const arrived = Buffer.concat([into, Buffer.from('/'), name]);
    await prove(arrived, { ...identity, parent: null });
    expect(describeTree(arrived)).toEqual(describeTree(snapshot));
    expect(describeTree(arrived).join()).toContain('\\\\xfe');
    await renameSubvolume(into, name, Buffer.from([0xfd]));
    await deleteSubvolume(Buffer.concat([into, Buffer.from([0x2f, 0xfd])]));
    expect(readdirSync(into)).toEqual([]);
  });
});

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

  test('of a subvolume that can be written is refused, with the command that helps', async () => {
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
    // Longer than the process takes to start and to fill what lies between.
    await new Promise((resolve) => setTimeout(resolve, 300));
    const stream = await readAll(sending);
    await sending.done;
    expect(stream.equals(await sent({ snapshot: first }))).toBe(true);
  });

  test('says why, after the output ended', async () => {
    const fs = withBtrfs();
    const writable = fs.subvolume('s');
    const sending = await send({ snapshot: writable, protocol: 1 });
    expect(await readAll(sending)).toHaveLength(0);
    await expect(sending.done).rejects.toMatchObject({
      code: 'send-failed',
      message: expect.stringContaining('read-only'),
    });
  });

  test('stops when told to, and when its reader leaves', async () => {
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

describeReal('receive that fails', () => {
  test('because something else ended it: says so', async () => {
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

  test('while the stream is still being written: its own error, no broken pipe', async () => {
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

  test('an error on stderr counts, whatever the exit code says', async () => {
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

  test('no room', async () => {
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

  test('stops when told to, and leaves the half that it made', async () => {
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

  test('a program in the current directory is never taken for one of the system', async () => {
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

  test('a name that is taken is not replaced', async () => {
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

  test('device nodes are made, and not opened', async () => {
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

  test('without unshare, a weaker way is taken and named', async () => {
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

  test('what is mounted anew between two streams is read-only in the next', async () => {
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
