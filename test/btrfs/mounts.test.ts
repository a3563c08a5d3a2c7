import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import {
  isMounted,
  mountOf,
  nearestExisting,
  parseMountinfo,
  placeOf,
} from '../../src/btrfs/mounts.ts';
import { describeReal, withBtrfs, withDirectory } from '../filesystem.ts';

test('a line of mountinfo, with escapes, optional fields and bytes that are not UTF-8', () => {
  const line =
    '43 27 0:39 /snap\\040shots /mnt/a\\011b\\134\\012\xff rw,nosuid shared:1 master:2 - btrfs /dev/my\\040disk ro,compress=zstd:3,subvolid=256,subvol=/snap\\040shots\n';
  expect(parseMountinfo(Buffer.from(line, 'latin1'))).toEqual([
    {
      id: 43,
      device: '0:39',
      root: Buffer.from('/snap shots'),
      mountPoint: Buffer.from('/mnt/a\tb\\\n\xff', 'latin1'),
      fsType: 'btrfs',
      source: '/dev/my disk',
      options: ['rw', 'nosuid', 'ro', 'compress=zstd:3', 'subvolid=256', 'subvol=/snap shots'],
      readOnly: true,
    },
  ]);
});

test('ignores lines that are cut short', () => {
  expect(parseMountinfo(Buffer.from('43 27 0:39 / /mnt rw\n\ngarbage - \n'))).toEqual([]);
});

test('finds the root mount of this machine', async () => {
  expect((await mountOf('/')).mountPoint.toString()).toBe('/');
  expect(await isMounted('/')).toBe(true);
  const place = await placeOf('/');
  expect(place).toMatchObject({ path: '/', real: '/', rootDevice: place.mount?.device });
});

test('takes the directory above for a path that does not exist yet', async () => {
  const directory = withDirectory();
  const missing = path.join(directory, 'not', 'there');
  expect((await nearestExisting(missing)).toString()).toBe(directory);
  expect((await nearestExisting('no-such-name')).toString()).toBe(process.cwd());
  await expect(mountOf(missing)).rejects.toThrow(/ENOENT/);
});

describeReal('mounts', () => {
  test('a subvolume and a symbolic link to it are on the mount of their filesystem', async () => {
    const fs = withBtrfs();
    fs.subvolume('sub');
    mkdirSync(fs.at('sub/dir'));
    const link = path.join(withDirectory(), 'link');
    symlinkSync(fs.at('sub/dir'), link);
    for (const place of [fs.mount, fs.at('sub/dir'), link]) {
      const mount = await mountOf(place);
      expect(mount.mountPoint.toString()).toBe(fs.mount);
      expect(mount.source).toBe(fs.device);
      expect(mount.fsType).toBe('btrfs');
    }
    expect(await isMounted(fs.mount)).toBe(true);
    expect(await isMounted(fs.at('sub'))).toBe(false);
    const below = async (directory: string) => {
      const { path, real, mount, rootDevice } = await placeOf(`${directory}/new/directory`);
      return { path, real, root: mount?.device === rootDevice };
    };
    const real = fs.at('new/directory');
    expect(await below(fs.mount)).toEqual({ path: real, real, root: false });
    const aside = path.join(withDirectory(), 'mount');
    symlinkSync(fs.mount, aside);
    expect(await below(aside)).toEqual({ path: `${aside}/new/directory`, real, root: false });
    fs.unmount();
    expect(await below(fs.mount)).toEqual({ path: real, real, root: true });
  });

  test('of two mounts on one path, the one that hides the other counts', async () => {
    const hidden = withBtrfs();
    const lower = await mountOf(hidden.mount);
    execFileSync('mount', ['-t', 'tmpfs', 'none', hidden.mount]);
    expect((await mountOf(hidden.mount)).fsType).toBe('tmpfs');
    execFileSync('umount', [hidden.mount]);
    expect(await mountOf(hidden.mount)).toEqual(lower);
  });

  test('a read-only mount is recognised', async () => {
    const fs = withBtrfs();
    expect((await mountOf(fs.mount)).readOnly).toBe(false);
    fs.remount('ro');
    expect((await mountOf(fs.mount)).readOnly).toBe(true);
  });
});
