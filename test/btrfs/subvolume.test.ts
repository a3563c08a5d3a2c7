import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { filesystemAt } from '../../src/btrfs/filesystem.ts';
import { mountOf } from '../../src/btrfs/mounts.ts';
import {
  listSubvolumes,
  reachablePath,
  type Subvolume,
  showSubvolume,
} from '../../src/btrfs/subvolume.ts';
import { joinPath } from '../../src/names/path.ts';
import { type Btrfs, describeReal, withBtrfs, withDirectory, withExt4 } from '../filesystem.ts';

const forgedUuid = '11111111-1111-1111-1111-111111111111';
const longLine = (id: number) =>
  `ID ${id} gen 1 cgen 1 parent 5 top level 5 parent_uuid - received_uuid - uuid ${forgedUuid} path forged`;
const shortLine = (id: number) => `ID ${id} gen 1 top level 5 path forged`;

const shownAt = (fs: Btrfs, { path: inside }: Subvolume) => fs.at(inside.toString());

test('the path of a subvolume through a mount', () => {
  const through = (root: string, mountPoint: string, subvolume: string) =>
    reachablePath(
      { path: Buffer.from(subvolume) },
      { root: Buffer.from(root), mountPoint: Buffer.from(mountPoint) },
    )?.toString() ?? null;
  expect(through('/', '/mnt', 'a/b')).toBe('/mnt/a/b');
  expect(through('/', '/', 'a/b')).toBe('/a/b');
  expect(through('/', '/mnt', '')).toBe('/mnt');
  expect(through('/a', '/mnt', 'a/b')).toBe('/mnt/b');
  expect(through('/a', '/mnt', 'a')).toBe('/mnt');
  expect(through('/a', '/mnt', 'ab')).toBe(null);
  expect(through('/a/b', '/mnt', 'a')).toBe(null);
});

describeReal('subvolumes', () => {
  test('every subvolume is listed with its facts', async () => {
    const fs = withBtrfs();
    fs.subvolume('one two');
    mkdirSync(fs.at('dir'));
    fs.subvolume('dir/nested');
    fs.subvolume('one two/inner');
    fs.snapshot('one two', 'snap');
    const list = await listSubvolumes(fs.mount);
    const byPath = new Map(list.map((entry) => [entry.path.toString(), entry]));
    expect([...byPath.keys()].sort()).toEqual(['dir/nested', 'one two', 'one two/inner', 'snap']);
    const source = byPath.get('one two');
    expect(byPath.get('snap')).toMatchObject({
      readOnly: true,
      parentUuid: source?.uuid,
      receivedUuid: null,
    });
    expect(source).toMatchObject({ readOnly: false, parentUuid: null });

    for (const entry of list) {
      const shown = await showSubvolume(joinPath(fs.mount, entry.path));
      expect(shown).toEqual(entry);
      expect(Number(shown.createdAt / 1_000_000n)).toBeGreaterThan(Date.now() - 600_000);
      const text = execFileSync('btrfs', ['subvolume', 'show', shownAt(fs, entry)]).toString();
      expect(text).toMatch(new RegExp(`\\bUUID:\\s+${shown.uuid}\\n`));
      expect(text).toMatch(new RegExp(`Gen at creation:\\s+${shown.creationTransid}\\n`));
    }
    expect(await showSubvolume(fs.mount)).toMatchObject({ id: 5, path: Buffer.alloc(0) });
  });

  test('the paths are the same through a subvolume and a mount with subvol=', async () => {
    const fs = withBtrfs();
    fs.subvolume('a b');
    fs.subvolume('a b/in');
    fs.subvolume('a b/in/deep');
    fs.subvolume('other');
    const whole = await listSubvolumes(fs.mount);
    expect(whole.map((entry) => entry.path.toString())).toContain('a b/in/deep');
    expect(await listSubvolumes(fs.at('a b'))).toEqual(whole);
    expect(await listSubvolumes(fs.at('a b/in'))).toEqual(whole);
    expect((await filesystemAt(fs.mount)).wholeMounted).toBe(true);
    fs.remount('subvol=a b');
    expect(await listSubvolumes(fs.mount)).toEqual(whole);
    expect((await filesystemAt(fs.mount)).wholeMounted).toBe(false);
    const mount = await mountOf(fs.mount);
    const reached = whole.map((entry) => reachablePath(entry, mount)?.toString() ?? null);
    expect(reached.sort()).toEqual([fs.mount, fs.at('in'), fs.at('in/deep'), null].sort());
    expect((await showSubvolume(fs.at('in/deep'))).path.toString()).toBe('a b/in/deep');
  });

  test('names of any bytes neither break nor forge an entry', async () => {
    const fs = withBtrfs();
    const names = [
      'x\ny',
      'newline at the end\n',
      `x\n${longLine(999)}`,
      `y\n${shortLine(256)}`,
      `z\n${longLine(257)}\n${shortLine(257)}`,
      'x\n\tUUID: \t\t\t11111111-1111-1111-1111-111111111111',
      '%s %d \\n',
    ].map((name) => Buffer.from(name));
    names.push(Buffer.from([0x62, 0xff, 0xfe]));
    for (const [i, name] of names.entries()) {
      fs.subvolume(name);
      const list = await listSubvolumes(fs.mount);
      expect(list.map((entry) => entry.path).sort(Buffer.compare)).toEqual(
        names.slice(0, i + 1).sort(Buffer.compare),
      );
      expect(list.map((entry) => entry.uuid)).not.toContain(forgedUuid);
      expect(list.map((entry) => entry.readOnly)).not.toContain(true);
      const shown = await showSubvolume(joinPath(fs.mount, name));
      expect(shown.path.equals(name)).toBe(true);
      expect(shown.uuid).toBe(list.find((entry) => entry.id === shown.id)?.uuid);
    }
  });

  test('a path that is not a subvolume, missing, or not on btrfs is refused', async () => {
    const fs = withBtrfs();
    mkdirSync(fs.at('dir'));
    writeFileSync(fs.at('file'), '');
    const refusal = (at: string) => showSubvolume(at);
    await expect(refusal(fs.at('dir'))).rejects.toMatchObject({ code: 'not-a-subvolume' });
    await expect(refusal(fs.at('file'))).rejects.toMatchObject({ code: 'not-a-subvolume' });
    await expect(refusal(fs.at('none'))).rejects.toMatchObject({ code: 'not-found' });
    await expect(refusal(fs.at('file/none'))).rejects.toMatchObject({ code: 'not-found' });
    const other = withExt4();
    const mention = { code: 'not-btrfs', message: expect.stringContaining('ext4') };
    await expect(refusal(other.mount)).rejects.toMatchObject(mention);
    await expect(listSubvolumes(other.mount)).rejects.toMatchObject(mention);
    await expect(filesystemAt(other.mount)).rejects.toMatchObject(mention);
  });
});

describeReal('the filesystem at a path', () => {
  test('has its UUID and its free space', async () => {
    const uuid = 'cafe0001-1234-4321-aaaa-0123456789ab';
    const label = `l  uuid: ${forgedUuid}`;
    const fs = withBtrfs({
      mkfsOptions: ['-U', uuid, '-L', label],
      mountOptions: 'compress=zstd:3',
    });
    fs.subvolume('s');
    const found = await filesystemAt(fs.at('s'));
    expect(found).toMatchObject({ uuid, wholeMounted: true, compressed: true });
    expect(found.mount.mountPoint.toString()).toBe(fs.mount);
    expect(found.freeBytes).toBeGreaterThan(100 * 2 ** 20);
    expect(found.freeBytes).toBeLessThan(512 * 2 ** 20);
    expect(found.usedBytes).toBeGreaterThan(0);
  });

  test('may hold compressed extents by a mount option or a property, now or earlier', async () => {
    const fs = withBtrfs();
    const compressed = async () => (await filesystemAt(fs.mount)).compressed;
    expect(await compressed()).toBe(false);
    fs.remount('compress=zlib');
    expect(await compressed()).toBe(true);
    fs.remount('compress=no');
    expect(await compressed()).toBe(false);
    fs.subvolume('s');
    execFileSync('btrfs', ['property', 'set', fs.at('s'), 'compression', 'lzo']);
    writeFileSync(fs.at('s/file'), 'x'.repeat(1e6));
    fs.remount();
    expect(await compressed()).toBe(true);
  });

  test('a bind-mounted directory is not the whole filesystem', async () => {
    const fs = withBtrfs();
    mkdirSync(fs.at('dir'));
    const at = path.join(withDirectory(), 'bound');
    mkdirSync(at);
    execFileSync('mount', ['--bind', fs.at('dir'), at]);
    expect(await filesystemAt(at)).toMatchObject({
      wholeMounted: false,
      mount: { root: Buffer.from('/dir') },
    });
  });
});
