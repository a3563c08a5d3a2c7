import { execFileSync } from 'node:child_process';
import {
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Failure } from '../../src/failure/failure.ts';
import { lockPassingFile } from '../../src/store/directory/lock.ts';
import { describeReal, withBtrfs, withDirectory } from '../filesystem.ts';
import { btrferry, eventsIn, fails, succeeds } from '../program.ts';
import {
  type Chainlet,
  copyOf,
  expectArrived,
  fresh,
  inStream,
  makeChainlet,
  names,
  streamsOf,
} from './chainlet.ts';
import { flip } from './spoil.ts';

let made: Chainlet;
beforeAll(async () => {
  made = await makeChainlet();
});
afterAll(() => made?.source.remove());

describeReal('an archive in a tar file', () => {
  const tarOf = async (archive: string) => {
    const tar = fresh('home.tar');
    await succeeds('copy', archive, tar);
    return tar;
  };

  test('is read by stock tar, and unpacked it is the archive', async () => {
    const tar = await tarOf(made.archive);
    expect(statSync(tar).mode & 0o777).toBe(0o600);
    const listed = execFileSync('tar', ['-tf', tar], { encoding: 'utf8' }).trim().split('\n');
    const documents = listed.findIndex((file) => file.endsWith('.zst'));
    expect(listed.slice(documents).every((file) => file.endsWith('.zst'))).toBe(true);
    expect(listed.slice(documents).map((file) => file.split('/')[1]?.split('.')[0])).toEqual(names);
    const unpacked = withDirectory();
    execFileSync('tar', ['-C', unpacked, '-xf', tar]);
    for (const name of names) {
      for (const file of readdirSync(inStream(made.archive, name))) {
        const [from, to] = [inStream(made.archive, name, file), inStream(unpacked, name, file)];
        expect(readFileSync(to).equals(readFileSync(from)), file).toBe(true);
      }
    }
    const destination = withBtrfs();
    await succeeds('import', unpacked, '--into', destination.mount);
    expectArrived(made, destination);
  });

  test('is taken by every command', async () => {
    const tar = await tarOf(made.archive);
    const list = async (archive: string) =>
      eventsIn(await succeeds('list', archive, '--json'))
        .filter(({ type }) => type === 'stream-listed')
        .map(({ archive: _, ...event }) => event);
    expect(await list(tar)).toEqual(await list(made.archive));
    await succeeds('verify', tar);
    await succeeds('verify', tar, '--quick');
    await succeeds('inspect', tar, 'two');
    const target = fresh();
    await succeeds('copy', tar, target);
    expect(streamsOf(target)).toEqual(streamsOf(made.archive));
    const destination = withBtrfs();
    await succeeds('import', tar, '--into', destination.mount);
    expectArrived(made, destination);
    await fails(['export', made.source.at('one'), '--to', tar], {
      exit: 2,
      code: 'usage',
      hint: 'copy',
    });
    await fails(['copy', made.archive, tar], { exit: 6, code: 'archive-unfit' });
    await fails(['inspect', tar], { exit: 2, code: 'usage', hint: 'STREAM' });
  });

  test('keeps names of any characters and lengths', async () => {
    const archive = copyOf(made.archive);
    const called = { one: 'größer \u{1F98A}', two: 'long'.repeat(40), three: ' ' };
    for (const [name, directory] of Object.entries(called)) {
      renameSync(inStream(archive, name), path.join(archive, 'streams', directory));
    }
    const tar = await tarOf(archive);
    await succeeds('verify', tar);
    const unpacked = withDirectory();
    execFileSync('tar', ['-C', unpacked, '-xf', tar]);
    await succeeds('verify', unpacked);
    const target = fresh();
    await succeeds('copy', tar, target);
    expect(streamsOf(target)).toEqual(streamsOf(archive));
  });

  test('has one writer at a time', async () => {
    const tar = fresh('home.tar');
    const locked = await lockPassingFile(
      `${tar}.lock`,
      new Failure('archive-locked', '', { hint: '' }),
    );
    await fails(['copy', made.archive, tar], { exit: 6, code: 'archive-locked' });
    await locked.release();
    await succeeds('copy', made.archive, tar);
    expect(readdirSync(path.dirname(tar))).toEqual(['home.tar']);
  });

  test('is written from copies in different parts, if one is damaged', async () => {
    const split = fresh('split');
    await succeeds('export', made.source.at('two'), '--to', split, '--max-part-size', '3M');
    const whole = fresh('whole');
    await succeeds('copy', split, whole);
    flip(inStream(split, 'two', '0002.btrfs.zst'), 500);
    const tar = fresh('home.tar');
    await succeeds('copy', split, whole, tar);
    await succeeds('verify', tar);
  });

  test('made by stock tar can be read too, in any order', async () => {
    for (const format of ['ustar', 'gnu', 'pax']) {
      const tar = fresh('stock.tar');
      execFileSync('tar', [
        `--format=${format}`,
        '--sort=name',
        '-C',
        made.archive,
        '-cf',
        tar,
        '.',
      ]);
      await succeeds('verify', tar);
    }
  });

  test('is refused if it is cut anywhere, or damaged', async () => {
    const tar = await tarOf(made.archive);
    const whole = readFileSync(tar);
    const cut = fresh('cut.tar');
    for (const left of [
      whole.length - 1,
      whole.length - 512,
      whole.length - 1024,
      40_000,
      700,
      100,
    ]) {
      writeFileSync(cut, whole.subarray(0, left));
      await fails(['list', cut], { exit: 4, code: 'archive-damaged' });
    }
    writeFileSync(cut, '');
    await fails(['list', cut], { exit: 4, code: 'archive-damaged' });
    writeFileSync(cut, 'no tar at all'.repeat(100));
    await fails(['list', cut], { exit: 6, code: 'not-an-archive' });
    writeFileSync(cut, whole);
    flip(cut, whole.length - 3_000_000);
    expect((await btrferry('verify', cut)).exit).toBe(4);
    const destination = withBtrfs();
    const ran = await btrferry('import', cut, '--into', destination.mount, '--json');
    expect(ran.exit).toBe(4);
  });

  test('is not completed if a stream is damaged', async () => {
    const bad = copyOf(made.archive);
    flip(inStream(bad, 'two', '0001.btrfs.zst'), 3000);
    const tar = fresh('bad.tar');
    await fails(['copy', bad, tar], { exit: 4, code: 'part-damaged' });
    expect(existsSync(tar)).toBe(false);
    await succeeds('copy', bad, made.archive, tar);
    await succeeds('verify', tar);
  });
});
