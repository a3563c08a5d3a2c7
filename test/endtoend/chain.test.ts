import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Manifest } from '../../src/manifest/schema.ts';
import { type Btrfs, describeReal, describeTree, withBtrfs, withDirectory } from '../filesystem.ts';
import { succeeds } from '../program.ts';
import { withDrive } from './drive.ts';
import { everything, snapshots } from './everything.ts';

const streamsOf = (archive: string) =>
  readdirSync(path.join(archive, 'streams')).map((name) => path.join(archive, 'streams', name));

const manifestOf = (stream: string) =>
  JSON.parse(readFileSync(path.join(stream, 'manifest.json'), 'utf8')) as Manifest;

const partsOf = (archive: string) =>
  streamsOf(archive).flatMap((stream) =>
    readdirSync(stream)
      .filter((file) => file.endsWith('.zst'))
      .map((file) => path.join(stream, file)),
  );

/** The stream of each snapshot. */
function byName(archive: string): Record<string, { directory: string; manifest: Manifest }> {
  const streams = streamsOf(archive).map((directory) => {
    const manifest = manifestOf(directory);
    return [String(manifest.name), { directory, manifest }] as const;
  });
  return Object.fromEntries(streams);
}

function expectEqual(from: Btrfs, to: Btrfs, where = ''): void {
  for (const name of snapshots) {
    const arrived = describeTree(to.at(path.join(where, name)));
    expect(arrived, name).toEqual(describeTree(from.at(name)));
  }
}

/** In an order in which nobody could receive them. */
const scrambled = ['fourth', 'second', 'library.1', 'fifth', 'first', 'third'];

describeReal('a chain of snapshots with every kind of file', () => {
  let source: Btrfs;
  const asked = () => scrambled.map((name) => source.at(name));

  beforeAll(() => {
    source = withBtrfs();
    everything(source);
    // The comparisons below would prove nothing if the trees were empty.
    const lines = snapshots.map((name) => describeTree(source.at(name)).length);
    expect(lines[0]).toBeGreaterThan(240);
    expect(new Set(lines).size).toBe(5);
  });
  afterAll(() => source?.remove());

  test('arrives equal, and restores with stock tools', async () => {
    const archive = path.join(withDirectory(), 'made', 'on the way');
    const options = ['--clone-source', source.at('library.1'), '--to', archive];
    await succeeds('export', ...asked(), ...options);

    const streams = byName(archive);
    expect(Object.keys(streams).sort()).toEqual([...snapshots].sort());
    const parents = snapshots.map((name) => streams[name]?.manifest.parent?.name ?? null);
    expect(parents).toEqual([null, null, 'first', 'second', 'third', 'fourth']);
    const { third, fourth } = streams;
    expect(third?.manifest.cloneSources.map(({ name }) => name)).toEqual(['library.1']);
    expect(third?.manifest.stream.commands.CLONE).toBeGreaterThan(2);
    // The data came by CLONE: of 3.7 MB new in it, only 100 kB were not there before.
    expect(third?.manifest.stream.length).toBeLessThan(200_000);
    expect(fourth?.manifest.stream.length).toBeLessThan(300);

    const destination = withBtrfs();
    await succeeds('import', archive, '--into', destination.mount);
    expectEqual(source, destination);

    const again = await succeeds('import', archive, '--into', destination.mount);
    expect(again.stdout).toBe('nothing to receive; 6 there already\n');

    const stock = withBtrfs();
    for (const name of snapshots) receiveWithStockTools(streams[name]?.directory ?? '', stock);
    expectEqual(source, stock);
  });

  test('arrives equal over a FAT or exFAT drive, in parts of 3 MiB', async ({ skip }) => {
    const drive = withDrive();
    if (drive === undefined) return skip('the kernel has no vfat, and exfat-fuse is not installed');
    const options = ['--max-part-size', '3M', '--level', '1', '--parent', 'none'];
    await succeeds('export', ...asked(), '--to', drive.mount, ...options);
    const parts = partsOf(drive.mount);
    expect(parts.length).toBeGreaterThan(snapshots.length);
    for (const part of parts) expect(statSync(part).size).toBeLessThanOrEqual(3 * 2 ** 20);

    drive.remount();
    const destination = withBtrfs();
    mkdirSync(destination.at('received'));
    await succeeds('import', drive.mount, '--into', destination.at('received'));
    expectEqual(source, destination, 'received');

    drive.remount();
    const stock = withBtrfs();
    for (const stream of streamsOf(drive.mount)) receiveWithStockTools(stream, stock);
    expectEqual(source, stock);
  });

  test('has names in the archive that every drive allows', async () => {
    const archive = withDirectory();
    const odd = source.snapshot('first', 'aux.10:30 "?"');
    await succeeds('export', ...asked(), odd, '--to', archive);
    const names = readdirSync(archive, { recursive: true }).map((name) => path.basename(`${name}`));
    expect(names).toContain('0001.btrfs.zst');
    for (const name of names) {
      expect(name).toMatch(/^[A-Za-z0-9._@+=-]{1,127}$/);
      expect(name).not.toMatch(/^(con|prn|aux|nul|com\d|lpt\d)(\.|$)|\.$/i);
    }
    expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(new Set(names).size);
  });

  test('arrives equal by protocol 2, in a filesystem that compresses', async () => {
    const archive = withDirectory();
    await succeeds('export', ...asked(), '--to', archive, '--proto', '2');
    for (const { manifest } of Object.values(byName(archive))) {
      expect(manifest.stream.protocol).toBe(2);
      expect(manifest.receiver.btrfsProgs).toBe('6.0');
    }
    const destination = withBtrfs({ mountOptions: 'compress=zstd' });
    await succeeds('import', archive, '--into', destination.mount);
    expectEqual(source, destination);
  });

  test('arrives equal as full streams, each on its own', async () => {
    const archive = withDirectory();
    await succeeds('export', ...asked(), '--to', archive, '--parent', 'none', '--proto', '1');
    for (const { manifest, directory } of Object.values(byName(archive))) {
      expect(manifest).toMatchObject({ kind: 'full', parent: null, stream: { protocol: 1 } });
      expect(directory).toMatch(/\.full$/);
    }
    const destination = withBtrfs();
    for (const name of ['fifth', 'first']) {
      await succeeds('import', archive, '--into', destination.mount, '--only', name);
    }
    await succeeds('import', archive, '--into', destination.mount);
    expectEqual(source, destination);
  });
});

describeReal('a filesystem that compresses', () => {
  test('is sent with compressed extents, and arrives equal', async () => {
    const source = withBtrfs({ mountOptions: 'compress-force=zstd' });
    everything(source);
    const archive = withDirectory();
    const asked = scrambled.map((name) => source.at(name));
    await succeeds('export', ...asked, '--to', archive);
    const { first } = byName(archive);
    expect(first?.manifest.stream).toMatchObject({ protocol: 2, compressedData: true });
    expect(first?.manifest.stream.commands.ENCODED_WRITE).toBeGreaterThan(0);
    const destination = withBtrfs();
    await succeeds('import', archive, '--into', destination.mount);
    expectEqual(source, destination);
    for (const { directory } of Object.values(byName(archive))) checkWithStockTools(directory);
  });
});

/** The sums fit, and zstd finds nothing wrong with any part. */
function checkWithStockTools(stream: string): void {
  const sh = (script: string) =>
    execFileSync('sh', ['-ec', script], { cwd: stream, stdio: ['ignore', 'pipe', 'pipe'] });
  sh('sha256sum --strict -c SHA256SUMS');
  sh('zstd -t *.btrfs.zst');
  expect(String(sh('zstd -l *.btrfs.zst'))).toMatch(/^Frames +Skips/);
}

/** README promises that this works without this program. */
function receiveWithStockTools(stream: string, into: Btrfs): void {
  checkWithStockTools(stream);
  const script = 'cat *.btrfs.zst | zstd -d | btrfs -q receive "$1"';
  const said = execFileSync(
    'bash',
    ['-ec', `set -o pipefail; ${script} 2>&1`, 'bash', into.mount],
    {
      cwd: stream,
    },
  );
  expect(String(said)).toBe('');
}
