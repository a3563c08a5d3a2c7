import { execFileSync } from 'node:child_process';
import {
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { describeReal, describeTree, withBtrfs, withDirectory } from '../filesystem.ts';
import {
  begin,
  during,
  eventsIn,
  expectComplaint,
  program,
  resultOf,
  succeeds,
  warningsOf,
} from '../program.ts';
import { withExfat } from './drive.ts';
import { randomFile } from './everything.ts';
import { flip } from './spoil.ts';
import { inUsermode } from './usermode.ts';

const MiB = 2 ** 20;

/** Names that FAT refuses, or takes for each other, or that are one name once made safe. */
const odd = ['CON', 'con:', 'a:b', 'A;B', 'a_b', 'ends with.', 'Käse ☃', 'nul.txt'];

/** A source with snapshots of odd names, `photo.1` of 30 MB, and `photo.2` on top of it. */
function makeSource() {
  const source = withBtrfs();
  source.subvolume('photo');
  randomFile(source.at('photo/1'), 30_000_000);
  source.snapshot('photo', 'photo.1');
  randomFile(source.at('photo/2'), 3_000_000);
  source.snapshot('photo', 'photo.2');
  for (const name of odd) {
    source.subvolume(`of ${name}`);
    writeFileSync(source.at(`of ${name}/file`), name);
    source.snapshot(`of ${name}`, name);
  }
  return source;
}

const all = ['photo.1', 'photo.2', ...odd];

const partsIn = (archive: string) =>
  readdirSync(archive, { recursive: true })
    .map((name) => path.join(archive, String(name)))
    .filter((name) => name.endsWith('.zst'));

describeReal('FAT32 by the driver of Linux', () => {
  const missing = ['linux.uml', 'mcopy'].filter((name) => !isInstalled(name));
  beforeAll(() => {
    const isExpected = process.env.CI === 'true' && process.arch === 'x64';
    if (missing.length > 0 && isExpected) throw new Error(`no ${missing.join()}`);
  });

  test.skipIf(missing.length > 0)(
    'is filled, killed, resumed and split by itself, and all arrives equal',
    { timeout: 900_000 },
    async () => {
      const [source, destination, directory] = [makeSource(), withBtrfs(), withDirectory()];
      const fat = path.join(directory, 'fat.img');
      writeFileSync(fat, '');
      truncateSync(fat, 128 * MiB);
      execFileSync('mkfs.vfat', ['-F', '32', '-s', '1', fat], { stdio: 'ignore' });
      for (const { unmount } of [source, destination]) unmount();

      const btrferry = `${process.execPath} ${program}`;
      const results = await inUsermode({
        fat,
        source: source.image,
        destination: destination.image,
        script: `
          run() { ${btrferry} "\${@:2}" --json >$results/$1.json; echo $? >$results/$1.exit; }
          cd $source
          head -c 115M /dev/zero >$fat/filler
          run full export photo.1 --to $fat/archive --max-part-size 8G
          cp $fat/archive/streams/.incoming-*/journal $results/full.journal
          rm $fat/filler
          ulimit -Sf 10240
          ${btrferry} export photo.1 --to $fat/archive --json >/dev/null &
          until [ -s $fat/archive/streams/.incoming-*/0002.btrfs.zst ]; do sleep 0.1; done
          kill -9 $!
          wait
          run resumed export ${all
            .filter((name) => name !== 'photo.2')
            .map((name) => `'${name}'`)
            .join(' ')} --to $fat/archive
          run increment export photo.2 --to $fat/archive --parity 20%
          ulimit -Sf unlimited
          run imported import $fat/archive --into $destination`,
      });
      const output = readFileSync(path.join(results, 'output'), 'utf8');
      const ran = (name: string) => ({
        stdout: readFileSync(path.join(results, `${name}.json`), 'utf8'),
        exit: Number(readFileSync(path.join(results, `${name}.exit`), 'utf8')),
      });

      expect(ran('full').exit, output).toBe(6);
      expect(resultOf(ran('full').stdout)?.failure).toMatchObject({ code: 'no-space' });
      // The largest file on FAT, whatever the option says.
      const journal = readFileSync(path.join(results, 'full.journal'), 'utf8');
      expect(journal).toContain(`"maxPartSize":${2 ** 32 - 1}`);
      for (const name of ['resumed', 'increment', 'imported']) {
        expect(ran(name).exit, `${name}: ${ran(name).stdout}${output}`).toBe(0);
      }
      const done = eventsIn(ran('resumed')).find(({ type }) => type === 'stream-done');
      expect(done?.reusedFrames).toBeGreaterThan(0);

      execFileSync('fsck.vfat', ['-n', fat]);
      execFileSync('mcopy', ['-s', '-i', fat, '::archive', directory]);
      const archive = path.join(directory, 'archive');
      await expectWhole(archive);
      expect(readdirSync(path.join(archive, 'streams'))).toHaveLength(all.length);
      for (const { remount } of [source, destination]) remount();
      for (const name of all) {
        expect(describeTree(destination.at(name)), name).toEqual(describeTree(source.at(name)));
      }
    },
  );
});

/** Another reader of FAT finds all parts within the limit, and the archive verifies. */
async function expectWhole(archive: string): Promise<void> {
  const parts = partsIn(archive);
  for (const part of parts) expect(statSync(part).size).toBeLessThanOrEqual(10 * MiB);
  expect(parts.filter((part) => part.includes('photo.1'))).toHaveLength(4);
  const verified = await succeeds('verify', archive, '--json');
  expect(warningsOf(verified)).toEqual([]);
}

describeReal('exFAT in FUSE', () => {
  test('survives a driver that ends, splits by itself, repairs, and all arrives equal', async ({
    skip,
  }) => {
    const drive = withExfat();
    if (drive === undefined) {
      if (process.env.CI === 'true') throw new Error('no exfat-fuse');
      return skip('exfat-fuse is not installed');
    }
    const source = makeSource();
    const archive = path.join(drive.mount, 'archive');
    const snapshots = all.map((name) => source.at(name));
    const [photo = ''] = snapshots;
    const limited = (args: string[]) =>
      execFileSync(
        'bash',
        ['-c', 'ulimit -f 10240; exec "$@"', 'bash', process.execPath, program, ...args],
        {
          stdio: ['ignore', 'pipe', 'pipe'],
        },
      ).toString();
    const stopped = begin(['export', photo, '--to', archive, '--json']);
    await during(stopped, () => partsIn(drive.mount).some((part) => statSync(part).size > 4 * MiB));
    drive.kill();
    expectComplaint(await stopped.ended, {
      exit: 1,
      code: 'storage-failed',
      hint: 'mount it again',
    });
    drive.remount();

    limited(['export', ...snapshots, '--to', archive, '--quiet']);
    await expectWhole(archive);
    await succeeds('protect', archive, '--parity', '20%');
    const [damaged = ''] = partsIn(archive).filter((part) => part.includes('photo.1'));
    flip(damaged, 1_000_000);
    drive.remount();
    const repaired = await succeeds('verify', '--repair', archive, '--json');
    expect(eventsIn(repaired).map(({ type }) => type)).toContain('stream-repaired');
    await expectWhole(archive);
    const destination = withBtrfs();
    await succeeds('import', archive, '--into', destination.mount);
    for (const name of all) {
      expect(describeTree(destination.at(name)), name).toEqual(describeTree(source.at(name)));
    }
  });
});

function isInstalled(name: string): boolean {
  return (process.env.PATH ?? '').split(':').some((place) => existsSync(path.join(place, name)));
}
