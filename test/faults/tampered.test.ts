import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { filesystemAt } from '../../src/btrfs/filesystem.ts';
import { type Btrfs, describeReal, describeTree, withBtrfs, withDirectory } from '../filesystem.ts';
import { expectArrived, subvolumesOf } from './destination.ts';
import {
  begin,
  btrferry,
  eventsOf,
  receiverOf,
  succeeds,
  type ToldFailure,
  until,
} from './runs.ts';
import { makeScene, type Scene } from './scene.ts';

describeReal('a destination that was tampered with', () => {
  let scene: Scene;
  /** Holds the increments alone. */
  let increments: string;
  let destination: Btrfs;
  let into: string;

  beforeAll(async () => {
    scene = await makeScene({ mebibytes: 2, seed: 9 });
    const [first = '', second = '', third = ''] = scene.chain.snapshots;
    increments = path.join(withDirectory(), 'increments');
    await succeeds('export', second, third, '--to', increments, '--parent', first);
  });
  afterAll(() => scene?.remove());
  beforeEach(async () => {
    destination = withBtrfs();
    into = destination.mount;
    await succeeds(...scene.importInto(into), '--only', 'home.1');
  });

  /** Imports what has to be refused, and looks that nothing was done to the destination. */
  async function refusals(archive: string): Promise<ToldFailure[]> {
    const state = async () => {
      const all = await subvolumesOf(destination.mount);
      // Reading a directory that can be written to changes its atime.
      const subvolumes = Object.entries(all).map(([name, { ctransid, generation, ...rest }]) =>
        rest.readOnly ? { name, ...rest, ctransid, generation } : { name, ...rest },
      );
      const reachable = Object.keys(all).map((name) => destination.at(name));
      return { subvolumes, trees: reachable.filter((one) => existsSync(one)).map(describeTree) };
    };
    // The changes of the test would raise the generation when the kernel writes them.
    for (let at = 0; at < 2; at++) execFileSync('btrfs', ['filesystem', 'sync', destination.mount]);
    const before = await state();
    const ran = await btrferry('import', archive, '--into', into);
    expect(await state()).toEqual(before);
    expect(eventsOf(ran, 'stream-begun')).toEqual([]);
    const [planned] = eventsOf(ran, 'import-planned');
    const failures = (planned?.refused ?? []).map(
      ({ failure }) => failure as unknown as ToldFailure,
    );
    expect(failures.map(({ exit }) => exit)).toContain(ran.exit);
    return failures;
  }
  const property = (...args: string[]) =>
    execFileSync('btrfs', ['property', 'set', ...args], { stdio: ['ignore', 'ignore', 'pipe'] });

  /** BTRFS_IOC_SUBVOL_SETFLAGS, as btrfs-progs used it before 5.14.2. */
  const makeWritable = (subvolume: string) => {
    const script = `open(F, '<', $ARGV[0]) or die; my $f = pack('Q', 0); ioctl(F, 0x4008941a, $f) or die $!`;
    execFileSync('perl', ['-e', script, subvolume]);
  };

  test('control: without tampering, the increments arrive', async () => {
    await succeeds('import', increments, '--into', into);
    await expectArrived(into, scene.chain);
  });

  test('the parent was made writable and changed, which btrfs-progs marks', async () => {
    const parent = destination.at('home.1');
    property('-f', '-ts', parent, 'ro', 'false');
    writeFileSync(path.join(parent, 'new'), 'changed');
    const missing = { exit: 5, message: expect.stringMatching(/its parent home\.1 .* is missing/) };
    expect((await refusals(increments))[0]).toMatchObject(missing);
    property('-ts', parent, 'ro', 'true');
    expect((await refusals(increments))[0]).toMatchObject(missing);
    // Where its own stream is at hand, it is received anew beside what bears its name.
    const ran = await succeeds(...scene.importInto(into));
    expect(eventsOf(ran, 'warning')).toMatchObject([{ code: 'name-taken' }]);
    expect(describeTree(destination.at('home.3'))).toEqual(scene.chain.trees['home.3']);
  });

  test('the parent was made writable, and no record shows it', async () => {
    makeWritable(destination.at('home.1'));
    expect(Object.values(await subvolumesOf(into))).toMatchObject([
      { readOnly: false, receivedUuid: expect.any(String) },
    ]);
    const writable = {
      code: 'parent-missing',
      exit: 5,
      where: { path: 'home.1' },
      hint: expect.stringMatching(/delete that subvolume/),
    };
    expect((await refusals(increments))[0]).toMatchObject(writable);
    expect((await refusals(scene.archive)).slice(0, 2)).toMatchObject([
      { code: 'destination-unfit', exit: 6, message: expect.stringMatching(/writable/) },
      writable,
    ]);
  });

  test('another filesystem is mounted where it was', async () => {
    const drive = path.join(withDirectory(), 'drive');
    cpSync(increments, drive, { recursive: true });
    await succeeds('import', drive, scene.archive, '--into', into, '--only', 'home.1');
    const uuidOf = ({ mount }: Btrfs) => filesystemAt(mount).then(({ uuid }) => uuid);
    const [own, other] = [await uuidOf(destination), withBtrfs()];
    const wrong = await uuidOf(other);
    const over = ['--bind', other.mount, into];
    execFileSync('mount', over);
    try {
      expect((await refusals(drive))[0]).toMatchObject({
        code: 'parent-missing',
        exit: 5,
        message: expect.stringMatching(/its parent home\.1 .* missing here; another filesystem/),
        hint: expect.stringMatching(new RegExp(`mount ${own}.* in place of ${wrong}`)),
      });
    } finally {
      execFileSync('umount', [into]);
    }
    await succeeds('import', drive, '--into', into);
    await expectArrived(into, scene.chain);
  });

  test('it was unmounted, and another filesystem lies below', async () => {
    destination.unmount();
    const ran = await btrferry('import', increments, '--into', into);
    expect(ran).toMatchObject({
      exit: 6,
      failure: { code: 'not-btrfs', hint: expect.stringContaining('check that it is mounted') },
    });
    expect(readdirSync(into)).toEqual([]);
    destination.remount();
  });

  test.each(['left writable', 'made read-only again'])(
    'the parent is changed while its child is received, and %s',
    async (end) => {
      const programs = withDirectory();
      const changed = path.join(programs, 'changed');
      const waits = `while [ ! -e '${changed}' ]; do sleep 0.01; done`;
      const late = `#!/bin/sh\ncase " $* " in *" receive "*) ${waits} ;; esac\nexec "$REAL" "$@"\n`;
      writeFileSync(path.join(programs, 'btrfs'), late, { mode: 0o755 });
      vi.stubEnv('REAL', execFileSync('sh', ['-c', 'command -v btrfs']).toString().trim());
      vi.stubEnv('PATH', `${programs}:${process.env.PATH}`);
      const run = begin(...scene.importInto(into));
      vi.unstubAllEnvs();
      expect(await until(run, () => receiverOf(run) !== undefined)).toBe(true);
      const parent = destination.at('home.1');
      makeWritable(parent);
      writeFileSync(path.join(parent, 'new'), 'changed');
      if (end === 'made read-only again') property('-ts', parent, 'ro', 'true');
      writeFileSync(changed, '');
      const ran = await run.ended;
      expect(ran).toMatchObject({
        exit: 1,
        failure: {
          code: 'proof-failed',
          message: expect.stringMatching(/^home\.2: its parent home\.1 .* was changed while/),
        },
      });
      expect(readdirSync(into)).toEqual(['home.1']);
    },
  );

  test('at the source, a changed snapshot counts neither as a parent nor as there already', async () => {
    const source = withBtrfs();
    source.subvolume('work');
    writeFileSync(source.at('work/a'), 'a');
    source.snapshot('work', 'work.1');
    writeFileSync(source.at('work/b'), 'b');
    source.snapshot('work', 'work.2');
    const drive = path.join(withDirectory(), 'drive');
    const snapshots = [source.at('work.1'), source.at('work.2')];
    await succeeds('export', ...snapshots, '--to', drive);
    const restore = source.at('restore');
    mkdirSync(restore);
    const again = () => btrferry('import', drive, '--into', restore);
    expect(eventsOf(await again(), 'result')).toMatchObject([{ done: 0, skipped: 2 }]);
    property('-ts', source.at('work.1'), 'ro', 'false');
    expect(await again()).toMatchObject({ exit: 6 });
    writeFileSync(source.at('work.1/a'), 'changed');
    property('-ts', source.at('work.1'), 'ro', 'true');
    execFileSync('btrfs', ['-q', 'subvolume', 'delete', source.at('work.2')]);
    const ran = await again();
    const [planned] = eventsOf(ran, 'import-planned');
    expect(planned?.refused.map(({ failure }) => [failure.code, failure.where?.path])).toEqual([
      ['destination-unfit', 'work.1'],
      ['parent-missing', 'work.1'],
    ]);
    expect(readdirSync(restore)).toEqual([]);
  });

  test('a snapshot that was changed and exported again is not taken for the received one', async () => {
    const source = withBtrfs();
    source.subvolume('work');
    source.snapshot('work', 'work.1');
    const drives = ['one', 'two'].map((name) => path.join(withDirectory(), name));
    const [one = '', two = ''] = drives;
    await succeeds('export', source.at('work.1'), '--to', one);
    await succeeds('import', one, '--into', into);
    property('-ts', source.at('work.1'), 'ro', 'false');
    writeFileSync(source.at('work.1/new'), 'new');
    property('-ts', source.at('work.1'), 'ro', 'true');
    await succeeds('export', source.at('work.1'), '--to', two);
    expect((await refusals(two))[0]).toMatchObject({
      code: 'destination-unfit',
      where: { path: 'work.1' },
    });
  });

  test('a snapshot of the parent is there as well, and receive does not take it', async () => {
    destination.snapshot('home.1', 'copy');
    await succeeds('import', increments, '--into', into);
    execFileSync('btrfs', ['-q', 'subvolume', 'delete', destination.at('copy')]);
    await expectArrived(into, scene.chain);
  });

  test('the parent lies outside of the mounted part', async () => {
    destination.subvolume('part');
    destination.remount('subvol=part');
    expect((await refusals(increments))[0]).toMatchObject({
      code: 'parent-missing',
      exit: 5,
      where: { path: 'home.1' },
      hint: expect.stringMatching(/subvolid=5/),
    });
    destination.remount('subvolid=5');
    await succeeds('import', increments, '--into', into);
    await expectArrived(into, scene.chain);
  });
});
