import { describe, expect, it } from 'vitest';
import type { Place } from '../../../src/btrfs/mounts.ts';
import { unfit } from '../../../src/operations/archives/medium.ts';
import { unmounted } from '../../../src/operations/unmounted.ts';

const [root, run, drive] = ['8:1', '0:25', '8:16'];

interface More {
  readonly fsType?: string;
  readonly real?: string;
  readonly readOnly?: boolean;
}

function place(path: string, device: string, more: More = {}): Place {
  const { fsType = 'ext4', real = path, readOnly = false } = more;
  const mountPoint = Buffer.from('/');
  const mount = { id: 1, device, root: mountPoint, mountPoint, fsType, source: '', options: [] };
  return {
    path,
    real,
    existing: Buffer.from('/'),
    mount: { ...mount, readOnly },
    rootDevice: root,
    runDevice: run,
  };
}

describe('a place whose drive seems not to be mounted', () => {
  it.each([
    ['/mnt', root],
    ['/mnt/usb', root],
    ['/media/me/usb', root],
    ['/run/media/me/usb', root],
    ['/run/media/me/usb', run],
  ])('%s on %s', (path, device) => {
    expect(unmounted(place(path, device))).toContain(path);
  });

  it('is found behind a symbolic link', () => {
    expect(unmounted(place('/home/me/usb', root, { real: '/media/me/usb' }))).toBeDefined();
  });

  it.each([
    ['/mnt/usb', drive],
    ['/mnt/usb', run],
    ['/run/media/me/usb', drive],
    ['/run/backup', run],
    ['/srv/mnt/usb', root],
    ['/mntx', root],
  ])('not %s on %s', (path, device) => {
    expect(unmounted(place(path, device))).toBeUndefined();
  });
});

describe('an archive', () => {
  const code = (at: Place, create = false) =>
    unfit({ place: at, btrfs: undefined }, [], create)?.code;

  it.each(['tmpfs', 'devtmpfs', 'ramfs'])('does not lie on %s without --create', (fsType) => {
    const memory = place('/tmp/archive', '0:30', { fsType });
    expect(code(memory)).toBe('archive-unfit');
    expect(code(memory, true)).toBeUndefined();
  });

  it('does not lie where a drive is missing without --create', () => {
    expect(code(place('/mnt/usb', root))).toBe('archive-unfit');
    expect(code(place('/mnt/usb', root), true)).toBeUndefined();
    expect(code(place('/srv/archive', root))).toBeUndefined();
    expect(code(place('/mnt/usb', drive))).toBeUndefined();
  });

  it('does not lie on a read-only mount', () => {
    const readOnly = place('/mnt/usb', drive, { readOnly: true });
    expect(code(readOnly)).toBe('archive-unfit');
    expect(code(readOnly, true)).toBe('archive-unfit');
  });

  it('may lie where the kernel does not list the mount', () => {
    const hidden = { ...place('/mnt/usb', root), mount: undefined, rootDevice: undefined };
    expect(code(hidden)).toBeUndefined();
  });

  it('never lies in an exported snapshot or in its original', () => {
    const exported = [{ path: '/data/home.1', uuid: 's', parentUuid: 'home' }];
    const inside = (subvolume: string) =>
      unfit(
        { place: place('/data/x', drive), btrfs: { filesystem: 'f', subvolume } },
        exported,
        true,
      )?.code;
    expect(inside('s')).toBe('archive-unfit');
    expect(inside('home')).toBe('archive-unfit');
    expect(inside('other')).toBeUndefined();
    const orphan = [{ path: '/data/home.1', uuid: 's', parentUuid: null }];
    expect(unfit({ place: place('/x', drive), btrfs: undefined }, orphan, false)).toBeUndefined();
  });
});
