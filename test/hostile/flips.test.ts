import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { filesystemAt } from '../../src/btrfs/filesystem.ts';
import { FramePool } from '../../src/zstd/pool.ts';
import { describeReal } from '../filesystem.ts';
import {
  type Destination,
  received,
  type Watch,
  watchBtrfs,
  withDestination,
} from './destination.ts';
import {
  changed,
  type Into,
  isFound,
  isKeptOut,
  looksSpoiled,
  smallArchive,
} from './small-archive.ts';
import { tally } from './tally.ts';

/** Milliseconds. Some of the tests read an archive thousands of times. */
vi.setConfig({ testTimeout: 400_000 });

const files = smallArchive();
const paths = [...files.keys()];
/** Bytes from one that is flipped to the next. All are, where what is proved is counted. */
const STEP = process.env.BTRFERRY_TALLY === undefined ? 3 : 1;
/** These bytes with another one of their bits changed, and with all of them. */
const flips = (bytes: Uint8Array) =>
  Array.from(bytes, (byte, at) =>
    at % STEP > 0 ? [] : [bytes.with(at, byte ^ (1 << (at % 8))), bytes.with(at, byte ^ 0xff)],
  ).flat();
const truncations = (bytes: Uint8Array) =>
  Array.from({ length: bytes.length }, (_, length) => bytes.subarray(0, length));

const isForPeople = (path: string) => path.endsWith('/SHA256SUMS');

let pool: FramePool;
beforeAll(() => {
  pool = new FramePool();
});
afterAll(() => pool.close());

describe('verify', () => {
  test('finds nothing in the archive as it is', async () => {
    expect(await isFound(files, pool)).toBe(false);
    expect(files.size).toBe(3 * 3 + 5 + 2);
  });

  test.each(paths)('finds flipped bytes of %s', async (path) => {
    // A few bytes of these stand for megabytes: one flip of each has to do.
    const few = path.includes('parts.') && path.endsWith('.zst');
    const all = flips(files.get(path) as Uint8Array).filter((_, at) => !few || at % 2 === 0);
    const missed: number[] = [];
    for (const [at, bytes] of all.entries()) {
      if (!(await isFound(changed(files, path, bytes), pool, path))) missed.push(at);
    }
    expect(missed).toEqual([]);
    tally('flipped bytes found by verify', all.length);
  });

  test.each(paths)('finds every truncation of %s', async (path) => {
    const all = truncations(files.get(path) as Uint8Array);
    const missed: number[] = [];
    for (const [length, bytes] of all.entries()) {
      const archive = changed(files, path, bytes);
      if (!(await looksSpoiled(archive, path))) missed.push(length);
      // The losses that it goes on to find must not change its verdict.
      if (length % 50 === 0 && !(await isFound(archive, pool, path))) missed.push(length);
    }
    expect(missed).toEqual([]);
    tally('truncations found by verify', all.length);
  });
});

describeReal('import', () => {
  let destination: Destination;
  let watch: Watch;
  let to: Into;
  let before: string[];
  beforeAll(async () => {
    watch = watchBtrfs();
    vi.stubEnv('PATH', `${watch.programs}:${process.env.PATH}`);
    destination = withDestination();
    const { into } = destination;
    to = { into, filesystem: await filesystemAt(into), pool };
    before = destination.state(true);
  });
  afterAll(() => {
    vi.unstubAllEnvs();
    destination.btrfs.remove();
  });

  // An import needs no receipts, no header, and no SHA256SUMS; the parts of a stream in several
  // come below.
  const single = paths.filter(
    (path) => path.startsWith('streams/') && !path.includes('parts.') && !isForPeople(path),
  );
  test.each(single)('is kept from %s by flipped bytes', async (path) => {
    const all = flips(files.get(path) as Uint8Array);
    const missed: number[] = [];
    for (const [at, bytes] of all.entries()) {
      if (!(await isKeptOut(changed(files, path, bytes), to, path))) missed.push((at / 2) * STEP);
    }
    expect(missed).toEqual([]);
    expect(received(watch.calls())).toBe(false);
    tally('flipped bytes refused by import', all.length);
  });

  test.each(paths.filter((path) => path.includes('parts.') && !isForPeople(path)))(
    'is kept from %s by flipped bytes, also when it is at work',
    async (path) => {
      const all = flips(files.get(path) as Uint8Array).filter((_, at) => at % 5 === 0);
      const missed: number[] = [];
      for (const [at, bytes] of all.entries()) {
        if (!(await isKeptOut(changed(files, path, bytes), to, path))) missed.push(at);
      }
      expect(missed).toEqual([]);
      tally('flipped bytes refused by import', all.length);
    },
  );

  test('left no trace', () => {
    expect(destination.state(true)).toEqual(before);
  });
});
