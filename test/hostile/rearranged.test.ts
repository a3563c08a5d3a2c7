import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deleteSubvolume } from '../../src/btrfs/change.ts';
import { filesystemAt } from '../../src/btrfs/filesystem.ts';
import { exit } from '../../src/failure/failure.ts';
import { seal } from '../../src/manifest/seal.ts';
import { FramePool } from '../../src/zstd/pool.ts';
import { describeReal, withDirectory } from '../filesystem.ts';
import type { Files } from '../store/memory.ts';
import { importInto, verify } from './attempt.ts';
import { type Destination, withDestination } from './destination.ts';
import { edited, membersOf } from './editing.ts';
import { changed, type Into, isFound, isKeptOut, smallArchive } from './small-archive.ts';
import { tally } from './tally.ts';

const files = smallArchive();
const paths = [...files.keys()];
const streamPaths = paths.filter((path) => path.startsWith('streams/'));
const parts = paths.filter((path) => path.endsWith('.zst'));
const manifests = paths.filter((path) => path.endsWith('manifest.json'));
/** The directory of a whole stream. */
const full = [...files.keys()].find((path) => path.includes('.full/'))?.replace(/\/[^/]*$/, '');
const of = (path: string) => files.get(path) as Uint8Array;

const pairs = streamPaths.flatMap((a, i) => streamPaths.slice(i + 1).map((b) => [a, b] as const));

let pool: FramePool;
beforeAll(() => {
  pool = new FramePool();
});
afterAll(() => pool.close());

/** Other values of the same kind: what a careful editor would write. */
function others(value: unknown): unknown[] {
  if (typeof value === 'number') return [value + 1, value - 1];
  if (typeof value === 'boolean') return [!value];
  if (typeof value !== 'string') return [];
  if (/^\d+$/.test(value)) return [String(BigInt(value) + 1n)];
  if (/^[0-9a-f-]{16,}$/.test(value)) return [value.replace(/^./, (c) => (c === '0' ? '1' : '0'))];
  if (value === 'full') return ['incremental'];
  return [`${value}x`, value.replace(/./, (c) => (c === 'a' ? 'b' : 'a'))];
}

/**
 * Members of a manifest that tell where a stream came from, and by what. The stream itself can't
 * contradict them, so someone who can seal a manifest can write there what they like.
 */
const ofNoConsequence =
  /^(source|tool|createdAt|compression|receiver|parent\.name|.*\bsendTransid)/;

interface Edit {
  readonly what: string;
  readonly archive: Files;
}

function editsOf(path: string): Edit[] {
  const { sha256: _seal, ...manifest } = JSON.parse(Buffer.from(of(path)).toString());
  return membersOf(manifest).flatMap((way) => {
    const value = way.reduce<unknown>((at, name) => (at as never)[name], manifest);
    return [undefined, ...others(value)].map((other) => ({
      what: way.join('.'),
      archive: changed(files, path, seal(edited(manifest, way, other))),
    }));
  });
}

describeReal('import and verify see', () => {
  let destination: Destination;
  let to: Into;
  let before: string[];
  beforeAll(async () => {
    destination = withDestination();
    const { into } = destination;
    to = { into, filesystem: await filesystemAt(into), pool };
    before = destination.state(true);
  });
  afterAll(() => {
    destination.btrfs.remove();
  });

  async function expectSeen(archive: Files, path: string, what: string): Promise<void> {
    expect(await isFound(archive, pool, path), `verify: ${what}`).toBe(true);
    // An import does not need SHA256SUMS.
    if (path.endsWith('/SHA256SUMS')) return;
    expect(await isKeptOut(archive, to, path), `import: ${what}`).toBe(true);
  }

  test('any two files of streams swapped, and one in the place of another', async () => {
    let count = 0;
    for (const [a, b] of pairs) {
      const copied = changed(files, a, of(b));
      await expectSeen(copied, a, `${b} in the place of ${a}`);
      await expectSeen(changed(files, b, of(a)), b, `${a} in the place of ${b}`);
      await expectSeen(changed(copied, b, of(a)), a, `${a} and ${b} swapped`);
      count += 3;
    }
    tally('files swapped or copied over each other, found and refused', count);
  });

  test('the parts of one stream in any other order, with sums that fit', async () => {
    const [one = '', two = '', three = ''] = parts.filter((path) => path.includes('parts.'));
    for (const [a, b, c] of [
      [one, three, two],
      [two, one, three],
      [two, three, one],
      [three, one, two],
      [three, two, one],
    ] as const) {
      const other = new Map(files).set(one, of(a)).set(two, of(b)).set(three, of(c));
      await expectSeen(other, one, `${a}, ${b}, ${c}`);
    }
  });

  test('any file of a stream removed', async () => {
    for (const path of streamPaths) await expectSeen(changed(files, path, undefined), path, path);
    tally('files removed, found and refused', streamPaths.length);
  });

  test('a part too many, which a restore by hand would take', async () => {
    for (const [i, part] of parts.entries()) {
      const extra = join(
        dirname(part),
        ['0004.btrfs.zst', '1.btrfs.zst', 'a b.btrfs.zst'][i % 3] ?? '',
      );
      await expectSeen(changed(files, extra, of(part)), part, extra);
    }
  });

  test.each(manifests)('%s edited and sealed again', async (path) => {
    const missed = new Set<string>();
    const edits = editsOf(path);
    for (const { what, archive } of edits) {
      if (!(await isFound(archive, pool, path))) missed.add(what);
      else expect(await isKeptOut(archive, to, path), what).toBe(true);
    }
    expect([...missed].filter((what) => !ofNoConsequence.test(what))).toEqual([]);
    // Else the list of exceptions would be longer than it has to be.
    expect([...missed]).toEqual(expect.arrayContaining(['tool.version', 'source.uuid']));
    tally('manifests edited and sealed again, found and refused', edits.length);
  });

  test('all of it before a subvolume is finished', () => {
    expect(destination.state(true)).toEqual(before);
  });
});

describe('verify does not mind', () => {
  test.each([
    'btrferry.txt',
    '.lock',
    'README.txt',
    '.DS_Store',
    'streams/notes.txt',
    `${full}/notes.txt`,
    `${full}/._0001.btrfs.zst`,
    'receipts/._x.json',
    'receipts/notes.txt',
    'elsewhere/manifest.json',
  ])('a file %s, which nobody reads', async (path) => {
    expect(await isFound(changed(files, path, Buffer.from('anything')), pool)).toBe(false);
  });

  test("another name of a stream's directory, which is for people", async () => {
    const renamed = new Map(
      [...files].map(([path, bytes]) => [path.replace('streams/home.2.', 'streams/other.'), bytes]),
    );
    expect(await isFound(renamed, pool)).toBe(false);
  });
});

/** The operations themselves, on files, for some of all changes. */
describeReal('the commands as people run them', () => {
  const target = `${full}/`;
  const [SUMS, HEADER] = [/SHA256SUMS/, /^btrferry\.json/];
  const samples = paths
    .filter((path) => path.startsWith(target) || path === 'btrferry.json')
    .flatMap((path) => {
      const bytes = of(path);
      const at = (share: number) => Math.floor(bytes.length * share);
      return [
        ...[0, 0.3, 0.6, 0.999].map((share) => ({
          what: `${path} flipped at ${at(share)}`,
          archive: changed(files, path, bytes.with(at(share), (bytes[at(share)] ?? 0) ^ 4)),
        })),
        { what: `${path} cut short`, archive: changed(files, path, bytes.subarray(0, at(0.5))) },
        ...(path === 'btrferry.json'
          ? []
          : [{ what: `${path} gone`, archive: changed(files, path, undefined) }]),
      ];
    });

  let destination: Destination;
  beforeAll(() => {
    destination = withDestination();
  });
  afterAll(() => destination.btrfs.remove());

  test.each(samples)('$what', async ({ what, archive }) => {
    const at = withDirectory();
    for (const [path, bytes] of archive) {
      mkdirSync(dirname(join(at, path)), { recursive: true });
      writeFileSync(join(at, path), bytes);
    }
    const forPeople = SUMS.test(what);
    expect((await verify(at)).exit).toBe(forPeople ? exit.done : exit.damaged);
    const refused = await importInto(at, destination.into);
    expect(refused.exit).toBe(forPeople || HEADER.test(what) ? exit.done : exit.damaged);
    const arrived = readdirSync(destination.into);
    for (const name of arrived) await deleteSubvolume(join(destination.into, name));
    // Only a change that shows when the stream is read lets the others, before it, be received.
    if (refused.exit !== exit.done) expect(arrived.filter((name) => name !== 's')).toEqual([]);
  });

  test('streams stand on their own without the header, and verify tells that it is gone', async () => {
    const at = withDirectory();
    for (const [path, bytes] of changed(files, 'btrferry.json', undefined)) {
      mkdirSync(dirname(join(at, path)), { recursive: true });
      writeFileSync(join(at, path), bytes);
    }
    expect((await verify(at)).exit).toBe(exit.damaged);
    expect((await importInto(at, destination.into)).exit).toBe(exit.done);
    for (const name of readdirSync(destination.into)) {
      if (name !== 's') await deleteSubvolume(join(destination.into, name));
    }
  });
});
