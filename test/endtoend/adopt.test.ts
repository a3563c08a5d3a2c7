import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readdirSync, unlinkSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Btrfs, describeReal, describeTree, withBtrfs, withDirectory } from '../filesystem.ts';
import { btrferrySync, eventsIn, fails, program, resultOf, succeeds } from '../program.ts';
import { fresh } from './chainlet.ts';
import { everything } from './everything.ts';

/** Copies a tree as the guide does. */
const rsync = (from: string, to: string) =>
  execFileSync('rsync', ['-aHAX', '--modify-window=-1', '--delete', `${from}/`, `${to}/`]);

let source: Btrfs;
/** An archive with the fingerprint of the first snapshot, and the increments on it. */
let archive: string;
const increments = ['second', 'third', 'fourth', 'fifth'];
beforeAll(async () => {
  source = withBtrfs({ size: 2 ** 31 });
  everything(source);
  archive = path.join(withDirectory(), 'archive');
  await succeeds('fingerprint', source.at('first'), '--to', archive);
  await succeeds('export', ...increments.map(source.at), '--to', archive);
});
afterAll(() => source?.remove());

/** A destination with a writable copy of a snapshot. */
function destinationWithCopy(of = 'first'): Btrfs {
  const destination = withBtrfs({ size: 2 ** 31 });
  rsync(source.at(of), destination.subvolume('copy'));
  return destination;
}

const adopt = (destination: Btrfs, ...more: string[]) =>
  ['adopt', archive, '--copy', destination.at('copy'), '--into', destination.mount].concat(more);

const differencesIn = (ran: { stdout: string }) =>
  eventsIn(ran)
    .filter(({ type }) => type === 'difference')
    .map(({ path: place, kinds }) => [place, kinds]);

describeReal('a copy that rsync made', () => {
  test('becomes the base of incremental streams, none of which is full', async () => {
    const listed = eventsIn(await succeeds('list', archive, '--json'));
    const streams = listed.filter(({ type }) => type === 'stream-listed');
    expect(streams.map(({ kind }) => kind)).toEqual(increments.map(() => 'incremental'));
    expect(streams.flatMap(({ missing }) => missing)).toEqual([]);
    expect(listed.filter(({ type }) => type === 'fingerprint-listed')).toHaveLength(1);
    await succeeds('verify', archive);
    const destination = destinationWithCopy();
    const into = ['--into', destination.mount];
    await fails(['import', archive, ...into], { exit: 5, code: 'parent-missing', hint: 'adopt' });
    const dry = await succeeds(...adopt(destination, '--repair-metadata', '--dry-run', '--json'));
    expect(resultOf(dry.stdout)).toMatchObject({ done: 0, dryRun: true });
    expect(readdirSync(destination.mount)).toEqual(['copy']);
    const ran = await succeeds(...adopt(destination, '--repair-metadata', '--json'));
    expect(resultOf(ran.stdout)).toMatchObject({ done: 1, skipped: 0 });
    expect(readdirSync(destination.mount).sort()).toEqual(['copy', 'first']);
    await succeeds('import', archive, ...into);
    for (const name of ['first', ...increments]) {
      expect(describeTree(destination.at(name)), name).toEqual(describeTree(source.at(name)));
    }
    const again = await succeeds(...adopt(destination, '--json'));
    expect(resultOf(again.stdout)).toMatchObject({ done: 0, skipped: 1 });
  });

  test('may lie on another layout: compressed, without holes, with other inodes', async () => {
    const destination = withBtrfs({ size: 2 ** 31, mountOptions: 'compress-force=zstd' });
    const copy = destination.subvolume('copy');
    execFileSync('sh', ['-c', `for i in $(seq 300); do : > "$0/$i"; done; rm "$0"/*`, copy]);
    execFileSync('rsync', [
      '-aHAX',
      '--inplace',
      '--no-whole-file',
      `${source.at('first')}/`,
      copy,
    ]);
    await succeeds(...adopt(destination, '--repair-metadata'));
    await succeeds('import', archive, '--into', destination.mount);
    for (const name of ['first', ...increments]) {
      expect(describeTree(destination.at(name)), name).toEqual(describeTree(source.at(name)));
    }
  });

  const spoiled: [string, (copy: string) => void, string, string[]][] = [
    [
      'has one other byte',
      (copy) => {
        const file = openSync(path.join(copy, 'dir/random'), 'r+');
        writeSync(file, 'x', 150_000);
        closeSync(file);
      },
      'dir/random',
      ['contents'],
    ],
    [
      'lacks an extended attribute',
      (copy) => execFileSync('setfattr', ['-x', 'user.plain', path.join(copy, 'dir/file')]),
      'dir/deep/hard',
      ['xattrs'],
    ],
    [
      'has a name of an inode of its own',
      (copy) => {
        unlinkSync(path.join(copy, 'hard'));
        execFileSync('cp', ['-a', path.join(copy, 'dir/file'), path.join(copy, 'hard')]);
      },
      'hard',
      ['links'],
    ],
    ['has one more file', (copy) => writeFileSync(path.join(copy, 'more'), ''), 'more', ['extra']],
    ['lacks a file', (copy) => unlinkSync(path.join(copy, 'suid')), 'suid', ['missing']],
    [
      'has another owner',
      (copy) => execFileSync('chown', ['7', path.join(copy, 'none')]),
      'none',
      ['owner'],
    ],
  ];
  describe.each(spoiled)('and that %s', (_, spoil, place, kinds) => {
    test('is refused by name, and its difference can be sent', async () => {
      const destination = destinationWithCopy();
      spoil(destination.at('copy'));
      const ran = await fails(adopt(destination), { exit: 6, code: 'copy-differs' });
      const found = differencesIn(ran).filter(([, all]) => String(all) !== 'mtime');
      expect(found).toEqual([[place, expect.arrayContaining(kinds)]]);
      expect(readdirSync(destination.mount)).toEqual(['copy']);
      const base = destination.snapshot('copy', 'base');
      const drive = fresh();
      await succeeds('fingerprint', base, '--blocks', '--to', drive);
      await succeeds('export', source.at('first'), '--onto', 'base', '--to', drive);
      const [stream] = eventsIn(await succeeds('list', drive, '--json'));
      expect(stream).toMatchObject({ kind: 'incremental' });
      expect(Number(stream?.length)).toBeLessThan(200_000);
      await succeeds('import', drive, '--into', destination.mount);
      await succeeds('import', archive, '--into', destination.mount);
      for (const name of ['first', ...increments]) {
        expect(describeTree(destination.at(name)), name).toEqual(describeTree(source.at(name)));
      }
    });
  });

  test('may be old: its difference to a later snapshot is sent', async () => {
    const destination = destinationWithCopy('first');
    const base = destination.snapshot('copy', 'base');
    const drive = fresh();
    await succeeds('fingerprint', base, '--blocks', '--to', drive);
    const dry = await succeeds(
      'export',
      source.at('third'),
      '--onto',
      'base',
      '--to',
      drive,
      '--dry-run',
    );
    expect(dry.stdout).toContain('base');
    const onto = ['export', source.at('third'), '--onto', 'base', '--to', drive, '--json'];
    expect(resultOf((await succeeds(...onto)).stdout)).toMatchObject({ done: 1 });
    expect(resultOf((await succeeds(...onto)).stdout)).toMatchObject({ done: 0, skipped: 1 });
    await succeeds('export', source.at('fifth'), '--to', drive);
    const kinds = eventsIn(await succeeds('list', drive, '--json')).map(({ kind }) => kind);
    expect(kinds.slice(0, 2)).toEqual(['incremental', 'incremental']);
    await succeeds('verify', drive);
    await succeeds('import', drive, '--into', destination.mount);
    for (const name of ['third', 'fifth']) {
      expect(describeTree(destination.at(name)), name).toEqual(describeTree(source.at(name)));
    }
  });

  test('is refused where it cannot be relied on', async () => {
    const destination = destinationWithCopy();
    const { mount, at } = destination;
    const other = withBtrfs();
    await fails(['adopt', archive, '--copy', at('copy'), '--into', other.mount], {
      exit: 6,
      code: 'destination-unfit',
    });
    await fails(['adopt', archive, '--copy', at('copy/dir'), '--into', mount], {
      exit: 6,
      code: 'not-a-subvolume',
    });
    await fails(['adopt', archive, '--copy', at('none'), '--into', mount], {
      exit: 2,
      code: 'not-found',
    });
    await fails(adopt(destination, '--only', 'nothing'), { exit: 2, code: 'not-found' });
    destination.subvolume('copy/nested');
    await fails(adopt(destination), {
      exit: 6,
      code: 'destination-unfit',
      where: { path: at('copy/nested') },
    });
    execFileSync('btrfs', ['-q', 'subvolume', 'delete', at('copy/nested')]);
    execFileSync('mount', ['-t', 'tmpfs', 'none', at('copy/empty')]);
    try {
      await fails(adopt(destination), { exit: 6, code: 'not-genuine' });
    } finally {
      execFileSync('umount', [at('copy/empty')]);
    }
    expect(readdirSync(mount)).toEqual(['copy']);
    // Something else that bears the UUID of the snapshot.
    await succeeds(...adopt(destination, '--repair-metadata'));
    execFileSync('btrfs', ['property', 'set', '-f', at('first'), 'ro', 'false']);
    await succeeds(...adopt(destination, '--repair-metadata', '--name', '{title}-again'));
    execFileSync('btrfs', ['-q', 'subvolume', 'snapshot', '-r', at('first-again'), at('inherits')]);
    execFileSync('btrfs', ['-q', 'subvolume', 'delete', at('first-again')]);
    await fails(adopt(destination), { exit: 6, code: 'destination-unfit' });
  });

  test('can be proved from any archive that holds the fingerprint', async () => {
    const destination = destinationWithCopy();
    const [tar, second] = [fresh('home.tar'), fresh('second')];
    await succeeds('copy', archive, tar);
    await succeeds('copy', tar, second);
    const again = await succeeds('copy', archive, second, '--json');
    expect(resultOf(again.stdout)).toMatchObject({ done: 0, refused: 0 });
    const [directory = ''] = readdirSync(path.join(second, 'fingerprints'));
    const at = (top: string) => path.join(top, 'fingerprints', directory);
    execFileSync('diff', ['-r', at(archive), at(second)]);
    writeFileSync(path.join(at(second), '0001.tree.zst'), 'spoiled');
    await fails(['adopt', second, '--copy', destination.at('copy'), '--into', destination.mount], {
      exit: 4,
      code: 'part-damaged',
    });
    await succeeds('copy', archive, second);
    execFileSync('diff', ['-r', at(archive), at(second)]);
    const with_ = ['--copy', destination.at('copy'), '--into', destination.mount];
    const sent = execFileSync(process.execPath, [program, 'copy', tar, '-', '--quiet'], {
      maxBuffer: 2 ** 30,
    });
    const piped = btrferrySync(['adopt', '-', ...with_, '--repair-metadata'], { input: sent });
    expect(piped).toMatchObject({ exit: 0 });
    await succeeds('import', second, '--into', destination.mount);
    expect(describeTree(destination.at('fifth'))).toEqual(describeTree(source.at('fifth')));
  });

  test('needs a read-only snapshot for its fingerprint', async () => {
    await fails(['fingerprint', source.at('origin'), '--to', fresh()], {
      exit: 6,
      code: 'not-read-only',
    });
    const drive = fresh();
    const dry = await succeeds(
      'fingerprint',
      source.at('first'),
      '--to',
      drive,
      '--dry-run',
      '--json',
    );
    expect(resultOf(dry.stdout)).toMatchObject({ done: 0, dryRun: true });
    await succeeds('fingerprint', source.at('first'), '--to', drive);
    const again = await succeeds('fingerprint', source.at('first'), '--to', drive, '--json');
    expect(resultOf(again.stdout)).toMatchObject({ done: 0, skipped: 1 });
    const [directory = ''] = readdirSync(path.join(drive, 'fingerprints'));
    const part = path.join(drive, 'fingerprints', directory, '0001.tree.zst');
    const file = openSync(part, 'r+');
    writeSync(file, 'x', 500);
    closeSync(file);
    await fails(['fingerprint', source.at('first'), '--to', drive], {
      exit: 4,
      code: 'part-damaged',
    });
    await fails(['verify', drive], { exit: 4, code: 'part-damaged' });
    await fails(['export', source.at('first'), '--onto', 'first', '--to', drive], {
      exit: 2,
      code: 'usage',
    });
  });
});
