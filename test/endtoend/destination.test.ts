import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeReal, describeTree, withBtrfs } from '../filesystem.ts';
import { receiveByHand } from '../identity/flip.ts';
import { fails, succeeds } from '../program.ts';
import {
  type Chainlet,
  everythingAt,
  expectArrived,
  makeChainlet,
  names,
  subvolumes,
} from './chainlet.ts';

let made: Chainlet;

const into = (directory: string, ...more: string[]) => [
  'import',
  made.archive,
  '--into',
  directory,
  ...more,
];

describeReal('a destination', () => {
  beforeAll(async () => {
    made = await makeChainlet();
  });
  afterAll(() => made?.source.remove());

  test.each([
    ['a plain directory', 'plain', undefined],
    ['a subvolume', 'sub', undefined],
    ['a directory in a subvolume', 'sub/in side', undefined],
    ['mounted by subvol=', '', 'subvol=sub'],
    ['a directory of what is mounted by subvol=', 'in side', 'subvol=sub'],
    ['mounted with compression', '', 'compress-force=zstd'],
  ])('that is %s', async (_, where, options) => {
    const destination = withBtrfs();
    mkdirSync(destination.at('plain'));
    destination.subvolume('sub');
    mkdirSync(destination.at('sub/in side'));
    if (options !== undefined) destination.remount(options);
    await succeeds(...into(destination.at(where), '--only', 'two'));
    await succeeds(...into(`${destination.at(where)}/`));
    expectArrived(made, destination, where);
    expect(subvolumes(destination).filter((line) => line.startsWith('read-only'))).toHaveLength(3);
  });

  test('is refused while the parent lies outside of the mounted part', async () => {
    const destination = withBtrfs();
    destination.subvolume('sub');
    await succeeds(...into(destination.mount, '--only', 'one'));
    destination.remount('subvol=sub');
    const before = everythingAt(destination);
    await fails(into(destination.mount), {
      exit: 5,
      code: 'parent-missing',
      where: { path: 'one' },
      hint: 'mount -o subvolid=5',
    });
    expect(everythingAt(destination)).toEqual(before);
    destination.remount('subvolid=5');
    await succeeds(...into(destination.at('sub')));
    expectArrived(made, destination, 'sub', ['two', 'three']);
  });

  test('is not used if its parent became writable', async () => {
    const destination = withBtrfs();
    await succeeds(...into(destination.mount, '--only', 'one'));
    const property = ['property', 'set', '-f', destination.at('one'), 'ro'];
    execFileSync('btrfs', [...property, 'false']);
    writeFileSync(destination.at('one/changed'), '');
    execFileSync('btrfs', [...property, 'true']);
    // Without its received UUID it is nobody's parent, and its name is taken.
    const ran = await succeeds(...into(destination.mount));
    expect(ran.stderr).toMatch(
      /^warning: the name "one" is taken .* receiving as "one\.[0-9a-f]{8}"/m,
    );
    expectArrived(made, destination, '', ['two', 'three']);
    expect(readdirSync(destination.mount)).toContain('one');
  });

  test('is refused while receive would take a snapshot of the parent', async () => {
    const destination = withBtrfs();
    await succeeds(...into(destination.mount, '--only', 'one'));
    destination.snapshot('one', 'copy of one');
    execFileSync('btrfs', ['-q', 'subvolume', 'delete', destination.at('one')]);
    receiveByHand(made.source.at('one'), destination.mount);
    const before = everythingAt(destination);
    await fails(into(destination.mount), {
      exit: 5,
      code: 'parent-missing',
      where: { path: 'copy of one' },
      hint: 'delete that subvolume',
    });
    expect(everythingAt(destination)).toEqual(before);
    execFileSync('btrfs', ['-q', 'subvolume', 'delete', destination.at('copy of one')]);
    await succeeds(...into(destination.mount));
    expectArrived(made, destination);
  });

  test('gives other names where they are taken, and touches nothing', async () => {
    const destination = withBtrfs();
    writeFileSync(destination.at('one'), 'a file');
    mkdirSync(destination.at('two'));
    destination.subvolume('three');
    writeFileSync(destination.at('three/mine'), '');
    await succeeds(...into(destination.mount));
    const all = readdirSync(destination.mount).sort();
    expect(all).toHaveLength(6);
    for (const name of names) {
      const [own, received = ''] = all.filter((entry) => entry.startsWith(name));
      expect(own).toBe(name);
      expect(received).toMatch(/^\w+\.[0-9a-f]{8}$/);
      expect(describeTree(destination.at(received))).toEqual(describeTree(made.source.at(name)));
    }
    expect(readdirSync(destination.at('three'))).toEqual(['mine']);
  });

  test('has nothing to receive from its own archive', async () => {
    const before = everythingAt(made.source);
    const ran = await succeeds(...into(made.source.mount));
    expect(ran.stdout).toBe('nothing to receive; 3 there already\n');
    expect(everythingAt(made.source)).toEqual(before);
  });
});
