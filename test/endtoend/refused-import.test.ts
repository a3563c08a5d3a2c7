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

  test('leaves the destination untouched while the full stream is missing', async () => {
    const archive = copyOf(made.archive);
    const full = inStream(archive, 'one');
    const aside = path.join(withDirectory(), 'aside');
    renameSync(full, aside);
    const destination = withBtrfs();
    const before = everythingAt(destination);
    const complaint: Complaint = {
      exit: 5,
      code: 'parent-missing',
      where: { file: expect.stringMatching(/^streams\/two\./), uuid: expect.any(String) },
    };
    const command = ['import', archive, '--into', destination.mount];
    await fails(command, complaint);
    await fails([...command, '--partial'], complaint);
    await fails([...command, '--only', 'three', '--dry-run'], {
      ...complaint,
      where: { file: expect.stringMatching(/^streams\/three\./) },
    });
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

  test('receives nothing if one of several streams cannot be received, without --partial', async () => {
    const archive = copyOf(made.archive);
    rmSync(inStream(archive, 'two'), { recursive: true });
    const destination = withBtrfs();
    const before = everythingAt(destination);
    const complaint: Complaint = { exit: 5, code: 'parent-missing', hint: '--parent none' };
    const command = ['import', archive, '--into', destination.mount];
    await fails(command, complaint);
    expect(everythingAt(destination)).toEqual(before);
    const partly = await fails([...command, '--partial'], { ...complaint, exit: 3 });
    expect(eventsIn(partly).at(-1)).toMatchObject({ done: 1, refused: 1 });
    expect(readdirSync(destination.mount)).toEqual(['one']);
    // The rest comes from another archive.
    await succeeds('import', archive, made.archive, '--into', destination.mount);
    expectArrived(made, destination);
  });

  const manifest = { file: expect.stringMatching(/^streams\/two\..*\/manifest\.json$/) };
  const part = { file: expect.stringMatching(/^streams\/two\..*\/0001\.btrfs\.zst$/) };
  const archiveFaults: [string, (archive: string) => void, Complaint][] = [
    [
      'nothing there',
      (archive) => rmSync(archive, { recursive: true }),
      { exit: 6, code: 'not-an-archive' },
    ],
    [
      'something else there',
      (archive) => {
        rmSync(path.join(archive, 'btrferry.json'));
        rmSync(path.join(archive, 'streams'), { recursive: true });
      },
      { exit: 6, code: 'not-an-archive' },
    ],
    [
      'a manifest gone',
      (archive) => rmSync(inStream(archive, 'two', 'manifest.json')),
      {
        exit: 4,
        code: 'stream-incomplete',
        where: manifest,
        hint: 'cat *.btrfs.zst | zstd -d | btrfs receive',
      },
    ],
    [
      'a manifest cut short',
      (archive) => truncateSync(inStream(archive, 'two', 'manifest.json'), 700),
      {
        exit: 4,
        code: 'manifest-damaged',
        where: manifest,
      },
    ],
    [
      'a manifest changed',
      (archive) => edit(inStream(archive, 'two', 'manifest.json'), '"level": 3', '"level": 5'),
      {
        exit: 4,
        code: 'manifest-damaged',
        where: manifest,
      },
    ],
    [
      'a manifest of the future',
      (archive) => edit(inStream(archive, 'two', 'manifest.json'), '"version": 1', '"version": 7'),
      { exit: 6, code: 'format-version', where: { ...manifest, found: '7' } },
    ],
    [
      'a part missing',
      (archive) => rmSync(inStream(archive, 'two', '0001.btrfs.zst')),
      { exit: 4, code: 'part-missing', where: part },
    ],
    [
      'a part cut short',
      (archive) => truncateSync(inStream(archive, 'two', '0001.btrfs.zst'), 1_000_000),
      { exit: 4, code: 'part-damaged', where: { ...part, found: '1000000' } },
    ],
    [
      'a seek table changed',
      (archive) => flip(inStream(archive, 'two', '0001.btrfs.zst'), -20),
      { exit: 4, code: 'seek-table-damaged', where: part },
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
  ])('keeps only the streams before one with a changed byte in %s', async (_, at) => {
    const archive = copyOf(made.archive);
    const part = inStream(archive, 'two', '0001.btrfs.zst');
    flip(part, at);
    const damaged = { file: path.relative(archive, part), offset: expect.any(Number) };
    const destination = withBtrfs();
    const command = ['import', archive, '--into', destination.mount];
    await fails(command, {
      exit: 4,
      code: 'frame-damaged',
      where: damaged,
    });
    expect(readdirSync(destination.mount)).toEqual(['one']);
    expect(subvolumes(destination)).toHaveLength(2);

    const partly = await fails([...command, '--partial'], {
      exit: 4,
      code: 'frame-damaged',
      where: damaged,
    });
    const refused = eventsIn(partly).filter(({ type }) => type === 'stream-refused');
    expect(refused.map(({ failure }) => failure)).toMatchObject([
      { code: 'frame-damaged' },
      { code: 'parent-missing', where: { uuid: expect.any(String) } },
    ]);
    expect(readdirSync(destination.mount)).toEqual(['one']);

    copyFileSync(inStream(made.archive, 'two', '0001.btrfs.zst'), part);
    await succeeds(...command);
    expectArrived(made, destination);
  });

  test('takes a stream that is damaged in one archive from another', async () => {
    const destination = withBtrfs();
    const [first, second] = [copyOf(made.archive), copyOf(made.archive)];
    flip(inStream(first, 'two', '0001.btrfs.zst'), 3_000_000);
    rmSync(inStream(first, 'three', 'manifest.json'));
    flip(inStream(second, 'one', '0001.btrfs.zst'), 200);
    await fails(['import', first, '--into', destination.mount], {
      exit: 4,
      code: 'stream-incomplete',
      where: { file: expect.stringMatching(/^streams\/three\./) },
    });
    const ran = await succeeds('import', first, second, '--into', destination.mount, '--json');
    expect(eventsIn(ran)).toContainEqual(
      expect.objectContaining({
        type: 'frame-taken',
        stream: expect.objectContaining({ title: 'two' }),
        archive: second,
      }),
    );
    expectArrived(made, destination);
  });

  test('is refused in the same way in a dry run', async () => {
    const destination = withBtrfs();
    const archive = copyOf(made.archive);
    rmSync(inStream(archive, 'two'), { recursive: true });
    const command = ['import', archive, '--into', destination.mount];
    const refused: Complaint = { exit: 5, code: 'parent-missing' };
    for (const how of [[], ['--dry-run']]) {
      await fails([...command, ...how], refused);
      const ran = await btrferry(...command, ...how);
      expect(ran.stdout).toMatch(/^nothing received; 1 refused; --partial receives the other 1$/m);
    }
  });

  test('names the word of --only that matches no stream', async () => {
    const destination = withBtrfs();
    const before = everythingAt(destination);
    const command = ['import', made.archive, '--into', destination.mount];
    await fails([...command, '--only', 'one', '--only', 'four'], {
      exit: 2,
      code: 'not-found',
      hint: 'btrferry list',
    });
    expect(everythingAt(destination)).toEqual(before);
    await succeeds(...command, '--only', 'two');
    expect(readdirSync(destination.mount).sort()).toEqual(['one', 'two']);
  });
});
