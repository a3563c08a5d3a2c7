import { copyFileSync, readdirSync, renameSync, rmSync, truncateSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeReal, withBtrfs, withDirectory } from '../filesystem.ts';
import { btrferry, type Complaint, eventsIn, fails, succeeds } from '../program.ts';
import {
  type Chainlet,
  copyOf,
  everythingAt,
  expectArrived,
  inStream,
  makeChainlet,
  subvolumes,
} from './chainlet.ts';
import { edit, flip } from './spoil.ts';

let made: Chainlet;

describeReal('a refused import', () => {
  beforeAll(async () => {
    made = await makeChainlet();
  });
  afterAll(() => made?.source.remove());

  test('without the full stream leaves the destination untouched, until it is back', async () => {
    const archive = copyOf(made.archive);
    const full = inStream(archive, 'one');
    const aside = path.join(withDirectory(), 'aside');
    renameSync(full, aside);
    const destination = withBtrfs();
    const before = everythingAt(destination);
    const complaint: Complaint = {
      exit: 5,
      error: /^refused: two: its parent one \([0-9a-f-]{36}\) is missing$/,
      hint: 'give the archive that holds it as well',
    };
    const command = ['import', archive, '--into', destination.mount];
    const ran = await fails(command, complaint);
    expect(ran.stderr).toMatch(/^refused: three: one \([0-9a-f-]{36}\), which it builds on, is/m);
    expect(ran.stdout).toBe('nothing received; 2 refused\n');
    await fails([...command, '--partial'], complaint);
    await fails([...command, '--only', 'three', '--dry-run'], { ...complaint, error: 'three' });
    expect(everythingAt(destination)).toEqual(before);

    const told = eventsIn(await btrferry(...command, '--json'));
    expect(told.at(-1)).toMatchObject({ exit: 5, done: 0, refused: 2 });
    expect(told[0]).toMatchObject({
      type: 'import-planned',
      refused: [
        { name: 'two', failure: { code: 'parent-missing', exit: 5 } },
        { name: 'three', failure: { code: 'parent-missing', exit: 5 } },
      ],
    });

    renameSync(aside, full);
    await succeeds(...command);
    expectArrived(made, destination);
  });

  test('receives nothing where one of several can not be received, unless told to', async () => {
    const archive = copyOf(made.archive);
    rmSync(inStream(archive, 'two'), { recursive: true });
    const destination = withBtrfs();
    const before = everythingAt(destination);
    const complaint = { exit: 5, error: 'three: its parent two', hint: '--parent none' };
    const command = ['import', archive, '--into', destination.mount];
    await fails(command, complaint);
    expect(everythingAt(destination)).toEqual(before);
    const partly = await fails([...command, '--partial'], { ...complaint, exit: 3 });
    expect(partly.stdout).toMatch(/^received 1 stream, .*; 1 refused\n$/);
    expect(readdirSync(destination.mount)).toEqual(['one']);
    // The rest comes from another archive.
    await succeeds('import', archive, made.archive, '--into', destination.mount);
    expectArrived(made, destination);
  });

  const archiveFaults: [string, (archive: string) => void, Complaint][] = [
    [
      'nothing there',
      (archive) => rmSync(archive, { recursive: true }),
      { exit: 6, error: /^error: no archive at .*: there is nothing there$/, hint: 'mounted' },
    ],
    [
      'something else there',
      (archive) => {
        rmSync(path.join(archive, 'btrferry.json'));
        rmSync(path.join(archive, 'streams'), { recursive: true });
      },
      { exit: 6, error: 'it has no btrferry.json', hint: 'check the path' },
    ],
    [
      'a manifest gone',
      (archive) => rmSync(inStream(archive, 'two', 'manifest.json')),
      {
        exit: 4,
        error: /^refused: two\..*manifest.json is missing/,
        hint: 'cat *.btrfs.zst | zstd -d | btrfs receive',
      },
    ],
    [
      'a manifest cut short',
      (archive) => truncateSync(inStream(archive, 'two', 'manifest.json'), 700),
      {
        exit: 4,
        error: /^refused: two\..*manifest.json: cut short/,
        hint: 'restore this file from another copy',
      },
    ],
    [
      'a manifest changed',
      (archive) => edit(inStream(archive, 'two', 'manifest.json'), '"level": 3', '"level": 5'),
      {
        exit: 4,
        error: /^refused: two\..*manifest.json: changed since it was written/,
        hint: 'another copy',
      },
    ],
    [
      'a manifest of the future',
      (archive) => edit(inStream(archive, 'two', 'manifest.json'), '"version": 1', '"version": 7'),
      { exit: 6, error: /^refused: two\..*manifest.json has format version 7/, hint: 'newer one' },
    ],
    [
      'a part missing',
      (archive) => rmSync(inStream(archive, 'two', '0001.btrfs.zst')),
      { exit: 4, error: /two\..*0001.btrfs.zst is missing/, hint: 'another copy' },
    ],
    [
      'a part cut short',
      (archive) => truncateSync(inStream(archive, 'two', '0001.btrfs.zst'), 1_000_000),
      { exit: 4, error: /0001.btrfs.zst has 1000000 bytes instead of/, hint: 'another copy' },
    ],
    [
      'a seek table changed',
      (archive) => flip(inStream(archive, 'two', '0001.btrfs.zst'), -20),
      { exit: 4, error: /^refused: two: .*two\./, hint: 'another copy' },
    ],
  ];
  test.each(archiveFaults)('with %s leaves the destination untouched', async (_, spoil, told) => {
    const archive = copyOf(made.archive);
    spoil(archive);
    const destination = withBtrfs();
    const before = everythingAt(destination);
    const command = ['import', archive, '--into', destination.mount];
    await fails(command, told);
    expect(everythingAt(destination)).toEqual(before);

    rmSync(archive, { recursive: true, force: true });
    renameSync(copyOf(made.archive), archive);
    await succeeds(...command);
    expectArrived(made, destination);
  });

  test.each([
    ['the first frame', 50],
    ['a later frame', 3_000_000],
  ])('with a byte of %s changed, keeps what came before, and nothing else', async (_, at) => {
    const archive = copyOf(made.archive);
    const part = inStream(archive, 'two', '0001.btrfs.zst');
    flip(part, at);
    const destination = withBtrfs();
    const command = ['import', archive, '--into', destination.mount];
    await fails(command, {
      exit: 4,
      error: /^error: streams\/two\./,
      hint: 'another copy',
    });
    expect(readdirSync(destination.mount)).toEqual(['one']);
    expect(subvolumes(destination)).toHaveLength(2);

    const partly = await fails([...command, '--partial'], {
      exit: 4,
      error: /^refused: two: streams\/two\./,
      hint: 'another copy',
    });
    expect(partly.stderr).toMatch(/^refused: three: its parent two .* was not received$/m);
    expect(readdirSync(destination.mount)).toEqual(['one']);

    copyFileSync(inStream(made.archive, 'two', '0001.btrfs.zst'), part);
    await succeeds(...command);
    expectArrived(made, destination);
  });

  test('takes what is damaged in one archive from another', async () => {
    const destination = withBtrfs();
    const [first, second] = [copyOf(made.archive), copyOf(made.archive)];
    flip(inStream(first, 'two', '0001.btrfs.zst'), 3_000_000);
    rmSync(inStream(first, 'three', 'manifest.json'));
    flip(inStream(second, 'one', '0001.btrfs.zst'), 200);
    await fails(['import', first, '--into', destination.mount], {
      exit: 4,
      error: 'three',
      hint: 'another copy',
    });
    const ran = await succeeds('import', first, second, '--into', destination.mount);
    expect(ran.stderr).toMatch(/^warning: .*two\..*\nhint: taking the copy in .*instead$/m);
    expectArrived(made, destination);
  });

  test('in a dry run tells what it would tell', async () => {
    const destination = withBtrfs();
    const archive = copyOf(made.archive);
    rmSync(inStream(archive, 'two'), { recursive: true });
    const command = ['import', archive, '--into', destination.mount];
    const refused = { exit: 5, error: 'its parent two', hint: 'give the archive' };
    for (const how of [[], ['--dry-run']]) {
      const ran = await fails([...command, ...how], refused);
      expect(ran.stdout).toMatch(/^nothing received; 1 refused; --partial receives the other 1$/m);
    }
  });

  test('names the word of --only that nothing is called', async () => {
    const destination = withBtrfs();
    const before = everythingAt(destination);
    const command = ['import', made.archive, '--into', destination.mount];
    await fails([...command, '--only', 'one', '--only', 'four'], {
      exit: 2,
      error: 'no stream is called four, and no UUID begins with it',
      hint: 'btrferry list',
    });
    expect(everythingAt(destination)).toEqual(before);
    await succeeds(...command, '--only', 'two');
    expect(readdirSync(destination.mount).sort()).toEqual(['one', 'two']);
  });
});
