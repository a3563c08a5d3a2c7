import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { remountCold } from '../faults/drives.ts';
import { describeReal, withBtrfs } from '../filesystem.ts';
import { btrferry, fails, resultOf, succeeds } from '../program.ts';
import {
  type Chainlet,
  copyOf,
  expectArrived,
  fresh,
  inStream,
  makeChainlet,
  streamsOf,
} from './chainlet.ts';

const eventsOf = (stdout: string, type: string) =>
  stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
    .filter((event) => event.type === type);

describeReal('parity', () => {
  let chain: Chainlet;
  beforeAll(async () => {
    chain = await makeChainlet();
  });
  afterAll(() => chain?.source.remove());

  test('export adds it, list shows it, and import and copy ignore it', async () => {
    const archive = fresh('archive');
    await succeeds('export', ...chain.snapshots, '--to', archive, '--parity', '5%');
    const listed = await succeeds('list', archive, '--json');
    const plain = eventsOf(
      (await succeeds('list', chain.archive, '--json')).stdout,
      'stream-listed',
    );
    const streams = eventsOf(listed.stdout, 'stream-listed');
    expect(streams.map(({ parity }) => parity > 0)).toEqual([true, true, true]);
    expect(streams.map(({ stored }) => stored)).toEqual(plain.map(({ stored }) => stored));
    const verified = await succeeds('verify', archive, '--json');
    expect(eventsOf(verified.stdout, 'stream-verified')[0].parity.blocks).toBeGreaterThan(1);
    const again = await succeeds('protect', archive, '--json');
    expect(resultOf(again.stdout)).toMatchObject({ done: 0, skipped: 3, exit: 0 });

    const copy = fresh('copy');
    await succeeds('copy', archive, copy);
    expect(readdirSync(inStream(copy, 'two')).filter((name) => name.endsWith('.par2'))).toEqual([]);
    const destination = withBtrfs();
    await succeeds('import', archive, '--into', destination.mount);
    expectArrived(chain, destination);
  });

  test('verify --repair mends a stream and its manifest; without it, verify changes nothing', async () => {
    const archive = copyOf(chain.archive);
    await succeeds('protect', archive);
    const good = streamsOf(archive);
    const part = readFileSync(inStream(archive, 'two', '0001.btrfs.zst'));
    writeFileSync(inStream(archive, 'two', '0001.btrfs.zst'), part.fill(7, 40_000, 90_000));
    writeFileSync(inStream(archive, 'two', 'manifest.json'), '{}');
    const spoiled = streamsOf(archive);
    expect((await btrferry('verify', archive)).exit).toBe(4);
    expect(streamsOf(archive)).toEqual(spoiled);
    const repaired = await succeeds('verify', '--repair', archive, '--json');
    expect(eventsOf(repaired.stdout, 'stream-repaired')).toMatchObject([
      { files: ['0001.btrfs.zst', 'manifest.json'] },
    ]);
    expect(streamsOf(archive)).toEqual(good);
  });

  test('damage beyond the parity is refused, and so is a stream without any', async () => {
    for (const protect of [true, false]) {
      const archive = copyOf(chain.archive);
      if (protect) await succeeds('protect', archive);
      const part = readFileSync(inStream(archive, 'two', '0001.btrfs.zst'));
      writeFileSync(inStream(archive, 'two', '0001.btrfs.zst'), part.fill(7, 40_000, 3_000_000));
      const spoiled = streamsOf(archive);
      const ran = await btrferry('verify', '--repair', archive, '--json');
      expect(ran.exit).toBe(4);
      const [, damaged] = eventsOf(ran.stdout, 'stream-verified');
      expect(damaged.failures.at(-1).code).toBe('beyond-repair');
      expect(streamsOf(archive)).toEqual(spoiled);
    }
  });

  test('a bad sector, which cannot be read, is repaired', async () => {
    const drive = withBtrfs();
    execFileSync('cp', ['-a', `${chain.archive}/.`, drive.mount]);
    await succeeds('protect', drive.mount);
    const part = inStream(drive.mount, 'two', '0001.btrfs.zst');
    const good = readFileSync(part);
    execFileSync('sync', ['-f', part]);
    const place = readFileSync(drive.image).indexOf(good.subarray(1_000_000, 1_004_096));
    expect(place).toBeGreaterThan(0);
    const image = openSync(drive.image, 'r+');
    writeSync(image, Buffer.alloc(512, 0x5a), 0, 512, place);
    closeSync(image);
    await remountCold(drive);
    expect(() => readFileSync(part)).toThrow('EIO');
    await succeeds('verify', '--repair', drive.mount);
    expect(readFileSync(part).equals(good)).toBe(true);
  });

  test('object stores and tar files are refused', async () => {
    const tar = fresh('archive.tar');
    await succeeds('copy', chain.archive, tar);
    for (const place of [tar, 's3://bucket/archive']) {
      await fails(['protect', place], { exit: 2, code: 'usage', where: { archive: place } });
      await fails(['verify', '--repair', place], { exit: 2, code: 'usage' });
    }
    const args = ['export', ...chain.snapshots, '--to', 's3://bucket/archive', '--parity', '5'];
    await fails(args, { exit: 2, code: 'usage' });
  });
});
