import { readdirSync, renameSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { withTemporary } from '../../archive/stored.ts';
import { btrferry } from '../../cli/btrferry.ts';
import { flip, MiB, uuid, verify, withChain } from './chain.ts';

test('a whole archive is good', () => {
  const { archive } = withChain();
  for (const options of [[], ['--quick']]) {
    const { code, first, second } = verify(archive, ...options);
    expect(code).toBe(0);
    expect([first?.failures, second?.failures]).toEqual([[], []]);
  }
});

test('a flipped byte: the part, the frame, the file, and what builds on it', () => {
  const { archive, part } = withChain();
  flip(part('0001.btrfs.zst'), 2.5 * MiB);
  const { code, first, second } = verify(archive);
  expect(code).toBe(4);
  expect(first?.failures[0]).toMatchObject({
    code: 'frame-damaged',
    where: { file: 'streams/mon.11111111.full/0001.btrfs.zst' },
  });
  expect(first?.losses).toHaveLength(1);
  const [loss] = first?.losses ?? [];
  expect(loss?.files).toEqual(['one.raw']);
  expect((loss?.to ?? 0) - (loss?.from ?? 0)).toBeLessThan(50_000);
  expect(first?.dependents.map(({ name }) => name)).toEqual(['tue']);
  expect(second?.failures).toEqual([]);
  expect(verify(archive, '--quick')).toMatchObject({
    code: 4,
    first: { failures: [{ code: 'part-damaged' }], losses: [] },
  });
});

test('a part cut short: what lies beyond the cut is lost, what lies before it is not', () => {
  const { archive, part } = withChain();
  truncateSync(part('0001.btrfs.zst'), 3 * MiB);
  const { code, first } = verify(archive);
  expect(code).toBe(4);
  expect(first?.losses).toHaveLength(1);
  const [loss] = first?.losses ?? [];
  expect(loss?.from).toBeGreaterThan(2 * MiB - 50_000);
  expect(loss?.to).toBeLessThan(4 * MiB + 50_000);
  expect(loss?.files).toEqual(['one.raw', 'dir/two.raw']);
});

test('a part gone', () => {
  const { archive, part } = withChain();
  rmSync(part('0002.btrfs.zst'));
  const { code, first } = verify(archive);
  expect(code).toBe(4);
  expect(first?.failures.map((failure) => failure.code)).toEqual(['part-missing']);
  expect(first?.losses[0]?.files).toContain('dir/two.raw');
});

test('a parent gone is no damage, and has its own exit code', () => {
  const { archive, directory } = withChain();
  renameSync(directory, join(withTemporary(), 'elsewhere'));
  const { code, first } = verify(archive);
  expect(code).toBe(5);
  expect(first).toMatchObject({ failures: [], missing: [{ uuid: uuid('1') }] });
});

test('archives complete each other', () => {
  const [whole, rest] = [withChain(), withChain()];
  rmSync(rest.directory, { recursive: true });
  expect(readdirSync(join(rest.archive, 'streams'))).toHaveLength(1);
  expect(verify(rest.archive).code).toBe(5);
  expect(btrferry(['verify', rest.archive, whole.archive]).code).toBe(0);
});
