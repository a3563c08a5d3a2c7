import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { checkParity } from '../../../src/archive/parity/check.ts';
import { makeParity } from '../../../src/archive/parity/create.ts';
import { repairStream } from '../../../src/archive/parity/repair.ts';
import { readCatalog } from '../../../src/archive/read/catalog.ts';
import { checkStored } from '../../../src/archive/read/integrity.ts';
import { sourceIn } from '../../../src/archive/read/source.ts';
import { directoryStore } from '../../../src/store/directory/directory.ts';
import { type Random, seeded } from '../../faults/random.ts';
import { withDirectory } from '../../filesystem.ts';
import { noise, publish, withTemporary } from '../stored.ts';

const { signal } = new AbortController();
const DIRECTORY = 'streams/home.11111111.full';
/** Debian's own, the referee. */
const par2 = spawnSync('par2', ['--version']).status === 0;

let original = '';
beforeAll(async () => {
  original = withDirectory();
  const store = directoryStore(original);
  await publish(store, 'home.11111111.full', noise(3_000_000), { maxPartSize: 2_200_000 });
});

/** A stream of noise in two parts, with parity of 5%. */
async function withProtected(percent = 5) {
  const path = copyOf(original);
  const store = directoryStore(path);
  const [stream] = (await readCatalog(store)).streams;
  if (stream === undefined) throw new Error('there is no stream');
  if (percent > 0) {
    await makeParity({ store, stream, onProgress: () => {}, signal }, percent);
  }
  return { path, store, stream, at: (file: string) => join(path, DIRECTORY, file) };
}

const filesIn = (archive: string) =>
  Object.fromEntries(
    readdirSync(join(archive, DIRECTORY))
      .sort()
      .map((file) => [file, readFileSync(join(archive, DIRECTORY, file)).toString('latin1')]),
  );

function copyOf(archive: string): string {
  const copy = join(withTemporary(), 'copy');
  cpSync(archive, copy, { recursive: true });
  return copy;
}

function repair(archive: string) {
  const store = directoryStore(archive);
  return repairStream({ store, source: sourceIn(store, DIRECTORY, null), signal });
}

/** Overwrites runs of bytes, until about `slices` slices are lost. */
function spoil(archive: string, slices: number, random: Random): void {
  for (let lost = 0; ; ) {
    const length = 512 + random.below(65_536 - 512);
    // A run that begins in the middle of a slice touches one more.
    lost += Math.ceil(length / 4096) + 1;
    if (lost > slices) return;
    const file = join(archive, DIRECTORY, random.pick(['0001.btrfs.zst', '0002.btrfs.zst']));
    const bytes = readFileSync(file);
    const from = random.below(bytes.length);
    bytes.fill(random.below(256), from, Math.min(bytes.length, from + length));
    writeFileSync(file, bytes);
  }
}

test.runIf(par2)('par2 finds the files of parity good', async () => {
  const { path, stream } = await withProtected();
  expect(readdirSync(join(path, DIRECTORY))).toEqual([
    '0001.btrfs.zst',
    '0002.btrfs.zst',
    'SHA256SUMS',
    'manifest.json',
    'parity-0001.par2',
    'parity-0001.vol000+037.par2',
  ]);
  execFileSync('par2', ['verify', '-q', 'parity-0001.par2'], { cwd: join(path, DIRECTORY) });
  expect(await checkParity(stream, signal)).toEqual({
    isProtected: true,
    blocks: 37,
    failures: [],
  });
  expect(await checkStored(stream)).toEqual([]);
});

/** Patterns of bad sectors, which a seed gives again. All of the first 100 were tried. */
const PATTERNS = 12;

test('random bad sectors are repaired; par2 repairs the same', async () => {
  const { path } = await withProtected();
  const good = filesIn(path);
  for (let seed = 0; seed < PATTERNS; seed++) {
    const random = seeded(seed);
    const damaged = copyOf(path);
    spoil(damaged, 37, random);
    if (JSON.stringify(filesIn(damaged)) === JSON.stringify(good)) continue;
    if (par2 && seed % 6 === 0) {
      const other = copyOf(damaged);
      const cwd = join(other, DIRECTORY);
      execFileSync('par2', ['repair', '-q', '-q', '-p', 'parity-0001.par2'], { cwd });
      const { '0001.btrfs.zst': one, '0002.btrfs.zst': two } = filesIn(other);
      expect([one, two]).toEqual([good['0001.btrfs.zst'], good['0002.btrfs.zst']]);
    }
    await repair(damaged);
    expect(filesIn(damaged), `seed ${seed}`).toEqual(good);
    rmSync(damaged, { recursive: true });
  }
});

test('a part that is cut short, and a manifest that is gone, come back', async () => {
  const { path, at } = await withProtected();
  const good = filesIn(path);
  truncateSync(at('0001.btrfs.zst'), 2_100_000 - 40_000);
  rmSync(at('manifest.json'));
  await expect(repair(path)).resolves.toMatchObject({ files: ['0001.btrfs.zst', 'manifest.json'] });
  expect(filesIn(path)).toEqual(good);
});

test('a missing part comes back if the parity is as large', async () => {
  const { path, at } = await withProtected(50);
  const good = filesIn(path);
  rmSync(at('0002.btrfs.zst'));
  await repair(path);
  expect(filesIn(path)).toEqual(good);
});

test('bytes behind the end of a part are cut off', async () => {
  const { path, at } = await withProtected();
  const good = filesIn(path);
  writeFileSync(
    at('0002.btrfs.zst'),
    Buffer.concat([readFileSync(at('0002.btrfs.zst')), noise(9)]),
  );
  await expect(repair(path)).resolves.toEqual({ files: ['0002.btrfs.zst'], blocks: 0 });
  expect(filesIn(path)).toEqual(good);
});

test('damage beyond the parity is reported, and nothing changes', async () => {
  const { path, at } = await withProtected();
  const bytes = readFileSync(at('0001.btrfs.zst'));
  bytes.fill(0, 4096, 4096 * 39);
  writeFileSync(at('0001.btrfs.zst'), bytes);
  const before = filesIn(path);
  await expect(repair(path)).rejects.toMatchObject({
    code: 'beyond-repair',
    where: { file: `${DIRECTORY}/0001.btrfs.zst`, expected: '38', found: '37' },
  });
  expect(filesIn(path)).toEqual(before);
});

test('without parity nothing changes', async () => {
  const { path, at } = await withProtected(0);
  truncateSync(at('0002.btrfs.zst'), 100);
  const before = filesIn(path);
  await expect(repair(path)).rejects.toMatchObject({
    code: 'beyond-repair',
    where: { found: '0' },
  });
  expect(filesIn(path)).toEqual(before);
});

test('of damaged parity, what is good is used', async () => {
  const { path, stream, at } = await withProtected();
  const good = filesIn(path);
  rmSync(at('parity-0001.par2'));
  const volume = readFileSync(at('parity-0001.vol000+037.par2'));
  volume.fill(1, 100, 30_000);
  writeFileSync(at('parity-0001.vol000+037.par2'), volume);
  const { failures, blocks } = await checkParity(stream, signal);
  expect(failures.map(({ code, where }) => [code, where.file])).toEqual([
    ['parity-damaged', `${DIRECTORY}/parity-0001.par2`],
    ['parity-damaged', `${DIRECTORY}/parity-0001.vol000+037.par2`],
  ]);
  expect(blocks).toBeGreaterThan(30);
  const part = readFileSync(at('0001.btrfs.zst'));
  part.fill(0, 1_000_000, 1_020_000);
  writeFileSync(at('0001.btrfs.zst'), part);
  await repair(path);
  expect(readFileSync(at('0001.btrfs.zst')).toString('latin1')).toBe(good['0001.btrfs.zst']);
});

test('each change of a file of parity is found', async () => {
  const { stream, at } = await withProtected();
  const random = seeded(3);
  for (const file of ['parity-0001.par2', 'parity-0001.vol000+037.par2']) {
    const bytes = readFileSync(at(file));
    for (let flip = 0; flip < 30; flip++) {
      const changed = Buffer.from(bytes);
      const offset = random.below(bytes.length);
      changed[offset] = (changed[offset] as number) ^ (1 + random.below(255));
      writeFileSync(at(file), changed);
      const { failures } = await checkParity(stream, signal);
      expect(failures.map(({ where }) => where.file)).toEqual([`${DIRECTORY}/${file}`]);
    }
    writeFileSync(at(file), bytes);
    for (const length of [0, 1, bytes.length - 1, random.below(bytes.length)]) {
      writeFileSync(at(file), bytes.subarray(0, length));
      expect((await checkParity(stream, signal)).failures).not.toEqual([]);
    }
    writeFileSync(at(file), bytes);
  }
});

test.runIf(par2)('parity that par2 made serves as well', async () => {
  const { path, at } = await withProtected(0);
  const cwd = join(path, DIRECTORY);
  const names = ['0001.btrfs.zst', '0002.btrfs.zst', 'SHA256SUMS', 'manifest.json'];
  execFileSync('par2', ['create', '-q', '-q', '-b301', '-r10', 'mine.par2', ...names], { cwd });
  const good = filesIn(path);
  truncateSync(at('0002.btrfs.zst'), 890_000);
  rmSync(at('manifest.json'));
  await repair(path);
  expect(filesIn(path)).toEqual(good);
});
