import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { expect, test, vi } from 'vitest';
import {
  describeReal,
  describeTree,
  withBtrfs,
  withDirectory,
  withExt4,
  withProgram,
} from '../filesystem.ts';
import { begin, type Complaint, expectComplaint, fails, succeeds } from '../program.ts';
import { copyOf, inStream, makeChain, makeChainlet, names, published } from './chainlet.ts';
import { edit, remount } from './spoil.ts';

describeReal('a refused export', () => {
  test('says what is wrong with the source', async () => {
    const source = withBtrfs();
    source.subvolume('home');
    source.snapshot('home', 'snap');
    mkdirSync(source.at('directory'));
    const archive = path.join(withDirectory(), 'archive');
    const command = (snapshot: string) => ['export', snapshot, '--to', archive];
    await fails(command(source.at('home')), {
      exit: 6,
      code: 'not-read-only',
      where: { path: source.at('home') },
      hint: `btrfs subvolume snapshot -r ${source.at('home')} ${source.at('home')}-ro`,
    });
    await fails(command(source.mount), {
      exit: 6,
      code: 'not-read-only',
      where: { path: source.mount },
      hint: `btrfs subvolume snapshot -r ${source.mount} ${source.mount}/snapshot-ro`,
    });
    await fails(command(source.at('directory')), {
      exit: 6,
      code: 'not-a-subvolume',
      where: { path: source.at('directory') },
      hint: 'btrfs subvolume list',
    });
    await fails(command(source.at('nowhere')), {
      exit: 2,
      code: 'not-found',
      where: { path: source.at('nowhere') },
    });
    await fails(command(withDirectory()), {
      exit: 6,
      code: 'not-btrfs',
      where: { expected: 'btrfs' },
    });
    const ran = await begin([...command(source.at('snap')), '--json'], { uid: 65534 }).ended;
    expectComplaint(ran, { exit: 6, code: 'not-root', hint: 'sudo' });
    // None of this has made an archive.
    expect(existsSync(archive)).toBe(false);
    // One that is wrong among others that are right stops all.
    await fails(['export', source.at('snap'), source.at('home'), '--to', archive], {
      exit: 6,
      code: 'not-read-only',
      where: { path: source.at('home') },
      hint: 'snapshot -r',
    });
    expect(existsSync(archive)).toBe(false);
    await succeeds(...command(source.at('snap')));
  });

  test('does not call the archive damaged if btrfs send delivers a damaged stream', async () => {
    const source = withBtrfs();
    source.subvolume('home');
    writeFileSync(source.at('home/file'), Buffer.alloc(1_000_000, 'text'));
    const snapshot = source.snapshot('home', 'snap');
    const command = ['export', snapshot, '--to', path.join(withDirectory(), 'archive')];
    const spoiling = '"$real" "$@" | { head -c 500000; head -c 1 /dev/urandom; cat; }; exit';
    withProgram(
      'btrfs',
      `case "$*" in *--no-data*) ;; *"-q send"*) ${spoiling} ;; esac\nexec "$real" "$@"`,
    );
    await fails(command, {
      exit: 1,
      code: 'send-failed',
      where: { path: snapshot, offset: expect.any(Number) },
    });
    vi.unstubAllEnvs();
    await succeeds(...command);
  });

  test('says what is wrong with the archive, and changes nothing of it', async () => {
    const { source, archive } = await makeChainlet();
    const home = source.at('home');
    appendFileSync(path.join(home, 'small'), 'more');
    const four = source.snapshot('home', 'four');
    const header = path.join(archive, 'btrferry.json');
    const whole = readFileSync(header);
    const command = ['export', four, '--to', archive];
    const faults: [() => void, Complaint][] = [
      [
        () => edit(header, '"version": 1', '"version": 9'),
        { exit: 6, code: 'format-version', where: { file: 'btrferry.json', found: '9' } },
      ],
    ];
    for (const [spoil, complaint] of faults) {
      spoil();
      const before = describeTree(archive);
      await fails(command, complaint);
      expect(describeTree(archive)).toEqual(before);
      writeFileSync(header, whole);
    }

    // A header that is broken says nothing that would have to be kept but for people.
    truncateSync(header, 20);
    const kept = readFileSync(header);
    await succeeds(...command, '--dry-run');
    expect(readFileSync(header)).toEqual(kept);
    const mended = copyOf(archive);
    const { stderr } = await succeeds('export', four, '--to', mended);
    expect(stderr).toContain('there is a new one');
    expect(readFileSync(path.join(mended, 'btrferry.json.damaged'))).toEqual(kept);
    expect((await succeeds('verify', mended)).stderr).not.toContain('warning');
    writeFileSync(header, whole);

    await fails(['export', four, '--to', header], {
      exit: 2,
      code: 'usage',
      where: { archive: header },
    });
    await fails([...command, '--max-part-size', '1M'], {
      exit: 2,
      code: 'usage',
      hint: '--max-part-size 3M',
    });
  });

  test('takes no stream for a parent that cannot be used, and replaces none', async () => {
    const { source, archive } = await makeChainlet();
    appendFileSync(source.at('home/small'), 'more');
    const command = ['export', source.snapshot('home', 'four'), '--to', archive];
    const before = published(archive);
    const manifest = inStream(archive, 'three', 'manifest.json');
    const text = readFileSync(manifest);
    truncateSync(manifest, 10);
    const dry = await succeeds(...command, '--dry-run');
    expect(dry.stdout).toContain('from two');
    expect(dry.stderr).toMatch(/^warning: streams\/three.* counts as absent/);
    await fails(['export', source.at('three'), '--to', archive], {
      exit: 1,
      code: 'archive-conflict',
      where: { file: expect.stringMatching(/^streams\/three\./) },
      hint: 'move that directory out of the archive',
    });
    writeFileSync(manifest, text);
    // The same holds for a stream of which a part is cut short, or gone.
    const part = inStream(archive, 'three', '0001.btrfs.zst');
    const bytes = readFileSync(part);
    for (const spoil of [() => truncateSync(part, 100), () => rmSync(part)]) {
      spoil();
      expect((await succeeds(...command, '--dry-run')).stdout).toContain('from two');
      await fails(['export', source.at('three'), '--to', archive], {
        exit: 1,
        code: 'archive-conflict',
        where: { file: expect.stringMatching(/^streams\/three\./) },
        hint: 'move that directory out of the archive',
      });
    }
    writeFileSync(part, bytes, { mode: 0o600 });
    expect(published(archive).map(withoutTime)).toEqual(before.map(withoutTime));
    await succeeds(...command);
    expect(readdirSync(path.join(archive, 'streams'))).toHaveLength(4);
  });

  test('does not wait for another export, which continues undisturbed', async () => {
    const source = withBtrfs();
    source.subvolume('home');
    const snapshot = source.snapshot('home', 'snap');
    const archive = withDirectory();
    const command = ['export', snapshot, '--to', archive];
    const holder = lockArchive(archive);
    await once(holder.stdout, 'data');
    await fails(command, {
      exit: 6,
      code: 'archive-locked',
      where: { archive },
    });
    expect(readdirSync(archive)).toEqual(['.lock']);
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    await succeeds(...command);
  });

  test('says that a medium is mounted read-only; an import from it works', async () => {
    const source = withBtrfs();
    const drive = withExt4();
    await succeeds('export', ...makeChain(source), '--to', drive.mount);
    remount(drive, 'ro');
    const newer = source.snapshot('home', 'newer');
    for (const more of [[], ['--dry-run']]) {
      await fails(['export', newer, '--to', drive.mount, ...more], {
        exit: 6,
        code: 'archive-unfit',
        where: { path: drive.mount },
      });
    }
    const destination = withBtrfs();
    const ran = await succeeds('import', drive.mount, '--into', destination.mount);
    expect(ran.stderr).toMatch(/^warning: no receipt was written: .*read-only/m);
    expect(readdirSync(destination.mount).sort()).toEqual([...names].sort());
  });
});

const withoutTime = (line: string) => line.replace(/ mtime=\d+/, '');

/** A process that holds the lock of an archive, as a running export does. */
function lockArchive(archive: string) {
  const store = new URL('../../dist/store/directory/directory.js', import.meta.url).href;
  const script = `
    const { directoryStore } = await import(${JSON.stringify(store)});
    await directoryStore(${JSON.stringify(archive)}).lock();
    console.log('held');
    setInterval(() => {}, 1e6);`;
  return spawn(process.execPath, ['--input-type=module', '-e', script]);
}
