import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
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
