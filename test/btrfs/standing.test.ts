import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { syncFilesystem } from '../../src/btrfs/change.ts';
import { lookAtStanding } from '../../src/btrfs/standing.ts';
import { infoAt, takenByReceive } from '../../src/btrfs/subvolume.ts';
import { standingOf } from '../../src/names/standing.ts';
import { describeReal, withBtrfs } from '../filesystem.ts';
import {
  changeInPlace,
  deleteSubvolume,
  flip,
  receiveByHand,
  snapshotOf,
} from '../identity/flip.ts';

const record = {
  readOnly: true,
  receivedUuid: 'u',
  creationTransid: 7n,
  ctransid: 7n,
  receiveTransid: 7n,
};

test('the records of btrfs decide, as far as they can', () => {
  expect(standingOf(record)).toBe('genuine');
  expect(standingOf({ ...record, readOnly: false })).toBe('writable');
  expect(standingOf({ ...record, creationTransid: 8n })).toBe('copied');
  expect(standingOf({ ...record, creationTransid: 8n, ctransid: 9n })).toBe('copied');
  expect(standingOf({ ...record, ctransid: 8n })).toBe('undecided');
  expect(standingOf({ ...record, receivedUuid: null, ctransid: 8n })).toBe('genuine');
});

describeReal('a received subvolume', () => {
  const standing = async (path: string) => {
    await syncFilesystem(path);
    return lookAtStanding(path, await infoAt(path));
  };

  function received() {
    const [source, destination] = [withBtrfs(), withBtrfs()];
    const home = source.subvolume('home');
    mkdirSync(join(home, 'dir'));
    writeFileSync(join(home, 'dir/file'), 'x'.repeat(1_000_000));
    writeFileSync(join(home, 'small'), 'small');
    const snapshot = source.snapshot('home', 's');
    receiveByHand(snapshot, destination.mount);
    return { source, destination, snapshot, at: destination.at('s') };
  }

  test('is genuine, though the kernel writes its data after it was received', async () => {
    const { destination, at } = received();
    execFileSync('sync');
    const info = await infoAt(at);
    expect(info.ctransid).toBeGreaterThan(info.receiveTransid);
    expect(standingOf(info)).toBe('undecided');
    expect(await standing(at)).toBe('genuine');
    // Changes that touch no file and prove nothing.
    renameSync(at, destination.at('renamed'));
    expect(await standing(destination.at('renamed'))).toBe('genuine');
    snapshotOf(destination.at('renamed'), destination.at('copy'));
    execFileSync('btrfs', ['-q', 'filesystem', 'sync', destination.mount]);
    flip(destination.at('renamed'), 'writable');
    expect(await standing(destination.at('renamed'))).toBe('writable');
    flip(destination.at('renamed'), 'read-only');
    destination.remount();
    expect(await standing(destination.at('renamed'))).toBe('genuine');
    expect(await standing(destination.at('copy'))).toBe('copied');
  });

  test.each<[string, (at: string) => void]>([
    ['a byte', (at) => appendFileSync(join(at, 'dir/file'), 'x')],
    ['a file less', (at) => rmSync(join(at, 'dir/file'))],
    ['a new name', (at) => renameSync(join(at, 'small'), join(at, 'dir/small'))],
    ['a mode', (at) => execFileSync('chmod', ['600', join(at, 'small')])],
    ['an xattr', (at) => execFileSync('setfattr', ['-n', 'user.x', '-v', '1', join(at, 'small')])],
    [
      'a byte and the old times',
      (at) => {
        appendFileSync(join(at, 'small'), 'x');
        utimesSync(join(at, 'small'), 0, 0);
      },
    ],
  ])('is changed right away by %s', async (_, change) => {
    const { at } = received();
    changeInPlace(at, () => change(at));
    expect(await standing(at)).toBe('changed');
  });

  test('is changed below a mount point that hides the change', async () => {
    const { at } = received();
    changeInPlace(at, () => appendFileSync(join(at, 'dir/file'), 'x'));
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', join(at, 'dir')]);
    try {
      expect(await standing(at)).toBe('changed');
    } finally {
      execFileSync('umount', [join(at, 'dir')]);
    }
  });

  test('is found by receive in the order in which they got the UUID', async () => {
    const { source, destination, snapshot, at } = received();
    const { receivedUuid } = await infoAt(at);
    const uuid = receivedUuid ?? '';
    const taken = async () => (await takenByReceive(destination.mount, [uuid])).get(uuid);
    const next = async (name: string) => {
      writeFileSync(source.at('home/next'), name);
      receiveByHand(source.snapshot('home', name), destination.mount, snapshot);
      return (await infoAt(destination.at(name))).parentUuid;
    };
    renameSync(at, destination.at('first'));
    snapshotOf(destination.at('first'), destination.at('copy'));
    receiveByHand(snapshot, destination.mount);
    expect(await taken()).toBe((await infoAt(destination.at('first'))).id);
    expect(await next('n1')).toBe((await infoAt(destination.at('first'))).uuid);
    deleteSubvolume(destination.at('first'));
    expect(await taken()).toBe((await infoAt(destination.at('copy'))).id);
    expect(await next('n2')).toBe((await infoAt(destination.at('copy'))).uuid);
    // By its own UUID where none was received; and none at all.
    const { uuid: own, id } = await infoAt(snapshot);
    expect((await takenByReceive(source.mount, [own, uuid])).get(own)).toBe(id);
    deleteSubvolume(destination.at('copy'));
    deleteSubvolume(at);
    expect(await taken()).toBeUndefined();
  });
});
