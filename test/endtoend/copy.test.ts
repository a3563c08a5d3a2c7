import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Receipt } from '../../src/manifest/schema.ts';
import { describeReal, describeTree, withBtrfs, withExt4 } from '../filesystem.ts';
import {
  begin,
  btrferry,
  eventsIn,
  expectComplaint,
  fails,
  program,
  resultOf,
  succeeds,
  warningsOf,
} from '../program.ts';
import {
  type Chainlet,
  copyOf,
  expectArrived,
  fresh,
  inStream,
  makeChainlet,
  names,
  published,
  streamsOf,
  timeless,
} from './chainlet.ts';
import { withDrive } from './drive.ts';
import { flip } from './spoil.ts';

let made: Chainlet;
beforeAll(async () => {
  made = await makeChainlet();
});
afterAll(() => made?.source.remove());

/** The streams in each state that the plan of a copy names. */
const planOf = (stdout: string) =>
  eventsIn({ stdout }).find(({ type }) => type === 'copy-planned') as unknown as {
    readonly steps: readonly {
      readonly stream: { readonly name: string };
      readonly present: boolean;
    }[];
  };

describeReal('a copy between directories', () => {
  test('holds the same files, and is left alone if it is intact', async () => {
    const target = fresh();
    const dry = await succeeds('copy', made.archive, target, '--dry-run', '--json');
    expect(planOf(dry.stdout).steps.map(({ stream, present }) => [stream.name, present])).toEqual(
      names.map((name) => [name, false]),
    );
    expect(existsSync(target)).toBe(false);
    const first = await succeeds('copy', made.archive, target, '--json');
    expect(resultOf(first.stdout)).toMatchObject({ done: 3, skipped: 0, refused: 0 });
    expect(streamsOf(target)).toEqual(streamsOf(made.archive));
    const before = describeTree(target);
    const again = await succeeds('copy', made.archive, target, '--json');
    expect(resultOf(again.stdout)).toMatchObject({ done: 0, skipped: 3, refused: 0, stored: 0 });
    expect(describeTree(target)).toEqual(before);
    const destination = withBtrfs();
    await succeeds('import', target, '--into', destination.mount);
    expectArrived(made, destination);
  });

  test('brings what a stream needs, unless that is not wanted', async () => {
    const target = fresh();
    await succeeds('copy', made.archive, target, '--only', 'two');
    expect(readdirSync(path.join(target, 'streams')).map((name) => name.split('.')[0])).toEqual([
      'one',
      'two',
    ]);
    const alone = fresh();
    const ran = await succeeds('copy', made.archive, alone, '--only', 'two', '--no-deps', '--json');
    expect(readdirSync(path.join(alone, 'streams'))).toHaveLength(1);
    expect(warningsOf(ran)).toEqual(['not-restorable']);
    await succeeds('copy', made.archive, target);
    expect(streamsOf(target)).toEqual(streamsOf(made.archive));
    await fails(['copy', made.archive, fresh(), '--only', 'four'], { exit: 2, code: 'not-found' });
  });

  test('replaces what is damaged, missing or cut short', async () => {
    const target = copyOf(made.archive);
    flip(inStream(target, 'one', '0001.btrfs.zst'), 1000);
    writeFileSync(inStream(target, 'two', '0001.btrfs.zst'), 'short');
    rmSync(inStream(target, 'three', 'manifest.json'));
    expect((await btrferry('verify', target)).exit).toBe(4);
    const ran = await succeeds('copy', made.archive, target, '--json');
    expect(resultOf(ran.stdout)).toMatchObject({ done: 3, skipped: 0 });
    expect(streamsOf(target)).toEqual(streamsOf(made.archive));
    await succeeds('verify', target);
  });

  test('takes each part from the archive that has it intact', async () => {
    const whole = fresh('split');
    await succeeds('export', made.source.at('two'), '--to', whole, '--max-part-size', '3M');
    const parts = readdirSync(inStream(whole, 'two')).filter((name) => name.endsWith('.zst'));
    expect(parts.length).toBeGreaterThan(1);
    const [left, right, both] = [copyOf(whole), copyOf(whole), copyOf(whole)];
    flip(inStream(left, 'two', parts[0]), 500);
    flip(inStream(right, 'two', parts[1]), 500);
    const ran = await succeeds('copy', left, right, fresh(), '--json');
    expect(warningsOf(ran)).toEqual(['copy-damaged']);
    // Each repairs the other.
    await succeeds('copy', right, left);
    await succeeds('copy', left, right);
    for (const archive of [left, right]) expect(streamsOf(archive)).toEqual(streamsOf(whole));
    const hopeless = fresh();
    flip(inStream(both, 'two', parts[0]), 500);
    await fails(['copy', both, hopeless], { exit: 4, code: 'part-damaged' });
    await succeeds('verify', hopeless);
  });

  test('goes on with other streams if one is damaged everywhere, and publishes nothing false', async () => {
    const bad = copyOf(made.archive);
    flip(inStream(bad, 'two', '0001.btrfs.zst'), -20);
    const target = fresh();
    const ran = await btrferry('copy', bad, target, '--json');
    expectComplaint(ran, { exit: 4, code: 'part-damaged' });
    expect(resultOf(ran.stdout)).toMatchObject({ done: 2, refused: 1 });
    const streams = readdirSync(path.join(target, 'streams'));
    expect(streams.filter((name) => !name.startsWith('.')).map((name) => name[0])).toEqual([
      'o',
      't',
    ]);
    expect(streams.some((name) => name.startsWith('two.'))).toBe(false);
    await succeeds('copy', bad, made.archive, target);
    expect(streamsOf(target)).toEqual(streamsOf(made.archive));
  });

  test('continues where a killed run stopped, at any moment', async () => {
    const target = fresh();
    for (let nth = 1; nth <= 3; nth++) {
      let seen = 0;
      const running = begin(['copy', made.archive, target, '--json'], {
        group: true,
        onLine: (line) => {
          if (JSON.parse(line).type === 'stream-begun' && ++seen === nth) running.kill('group');
        },
      });
      expect((await running.ended).signal).toBe('SIGKILL');
      const shown = timeless(existsSync(target) ? published(target) : []);
      expect(timeless(published(made.archive))).toEqual(
        expect.arrayContaining(shown.filter((line) => /streams\/[^.]/.test(line))),
      );
    }
    await succeeds('copy', made.archive, target);
    expect(streamsOf(target)).toEqual(streamsOf(made.archive));
  });

  test('lets one writer in at a time, and asks for two different places', async () => {
    const target = copyOf(made.archive);
    const held = spawnSync('bash', [
      '-c',
      `exec 9<>"$1/.lock"; ${process.execPath} -e '
        require("fs-native-extensions").tryLock(9) || process.exit(9);
        const { spawnSync } = require("child_process");
        const ran = spawnSync(process.execPath, process.argv.slice(1), { encoding: "utf8" });
        process.stdout.write(ran.stdout); process.exit(ran.status);
      ' "$2" copy "$3" "$1" --json`,
      'bash',
      target,
      program,
      made.archive,
    ]);
    const ran = { exit: held.status, signal: null, stdout: String(held.stdout), stderr: '' };
    expectComplaint(ran, { exit: 6, code: 'archive-locked' });
    await fails(['copy', target, `${target}/`], { exit: 2, code: 'usage' });
    await fails(['copy', target], { exit: 2, code: 'usage' });
  });

  test('stops at a full drive, and finishes when there is room', async () => {
    const drive = withExt4({ size: 8 * 1024 * 1024 });
    const filler = path.join(drive.mount, 'filler');
    writeFileSync(filler, Buffer.alloc(3 * 1024 * 1024));
    const target = path.join(drive.mount, 'archive');
    await fails(['copy', made.archive, target], { exit: 6, code: 'no-space' });
    rmSync(filler);
    await succeeds('copy', made.archive, target);
    expect(streamsOf(target)).toEqual(streamsOf(made.archive));
  });

  test('goes to a drive with FAT', async () => {
    const drive = withDrive();
    if (drive === undefined) return;
    const target = path.join(drive.mount, 'archive');
    await succeeds('copy', made.archive, target);
    for (const name of names) {
      for (const file of readdirSync(inStream(made.archive, name))) {
        const [from, to] = [inStream(made.archive, name, file), inStream(target, name, file)];
        expect(readFileSync(to).equals(readFileSync(from)), file).toBe(true);
      }
    }
  });

  test('keeps the newest receipt of each destination', async () => {
    const [older, newer] = [copyOf(made.archive), copyOf(made.archive)];
    const destination = withBtrfs();
    await succeeds('import', older, '--into', destination.mount, '--only', 'one');
    await succeeds('import', newer, '--into', destination.mount);
    const receiptIn = (archive: string) => {
      const [file = ''] = readdirSync(path.join(archive, 'receipts'));
      return JSON.parse(readFileSync(path.join(archive, 'receipts', file), 'utf8')) as Receipt;
    };
    const target = fresh();
    await succeeds('copy', newer, older, target);
    expect(receiptIn(target)).toEqual(receiptIn(newer));
    await succeeds('copy', older, target);
    expect(receiptIn(target)).toEqual(receiptIn(newer));
    const behind = fresh();
    await succeeds('copy', older, behind);
    await succeeds('copy', newer, behind);
    expect(receiptIn(behind)).toEqual(receiptIn(newer));
  });

  test('refuses places that cannot hold an archive', async () => {
    await fails(['copy', made.archive, '/dev/shm/btrferry-test'], {
      exit: 6,
      code: 'archive-unfit',
      hint: '--create',
    });
    await fails(['copy', fresh('nothing'), fresh()], { exit: 6, code: 'not-an-archive' });
  });
});
