import { copyFileSync, existsSync, mkdirSync, renameSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Failure } from '../../src/failure/failure.ts';
import { describeReal, withBtrfs } from '../filesystem.ts';
import { btrferry, eventsIn, fails, resultOf, succeeds } from '../program.ts';
import { type Chainlet, expectArrived, fresh, inStream, makeChainlet } from './chainlet.ts';
import { spread } from './spanned.ts';
import { flip } from './spoil.ts';

/** The codes of the failures of streams. */
async function codesOf(...args: readonly string[]): Promise<string[]> {
  const ran = await btrferry(...args, '--json');
  const events = eventsIn(ran) as { failures?: Failure[]; failure?: Failure }[];
  const found = events.flatMap(({ failures = [], failure }) =>
    failure === undefined ? failures : [...failures, failure],
  );
  return found.map(({ code }) => code);
}

describeReal('a stream on two media', () => {
  let chain: Chainlet;
  let split: string;

  beforeAll(async () => {
    chain = await makeChainlet();
    split = fresh('split');
    await succeeds('export', ...chain.snapshots, '--to', split, '--max-part-size', '4700000');
  });
  afterAll(() => chain?.source.remove());

  test('is not called damaged on either, and the medium is named', async () => {
    const [first, last] = spread(split, 'two', '0'.repeat(16));
    const listed = await btrferry('list', first, '--json');
    const [archive] = eventsIn(listed).filter(({ type }) => type === 'archive-listed');
    expect(archive).toMatchObject({ damaged: [{ failure: { code: 'medium-missing' } }] });
    expect(JSON.stringify(archive)).toContain('drive 2');
    const other = await btrferry('list', last, '--json');
    expect(resultOf(other.stdout)).toMatchObject({ exit: 5, restorable: 1 });
    expect(other.stdout).toContain('drive 1');
    for (const medium of [first, last]) {
      const ran = await btrferry('verify', medium, '--json');
      expect(resultOf(ran.stdout), ran.stderr).toMatchObject({ exit: 5, restorable: 1 });
    }
    const destination = withBtrfs();
    const alone = ['import', last, '--into', destination.mount, '--only', 'two'];
    await fails(alone, { exit: 5, code: 'medium-missing', hint: 'drive 1' });
    destination.remove();
    for (const [medium, part] of [
      [first, '0001.btrfs.zst'],
      [last, '0002.btrfs.zst'],
    ] as const) {
      flip(inStream(medium, 'two', part), 100);
      const ran = await btrferry('verify', medium, '--json');
      expect(resultOf(ran.stdout)).toMatchObject({ exit: 4 });
    }
  });

  test('is read from both, in any order, and each file from where it lies', async () => {
    const [first, last] = spread(split, 'two', '0'.repeat(16));
    for (const media of [
      [first, last],
      [last, first],
    ]) {
      await succeeds('list', ...media);
      const verified = resultOf((await succeeds('verify', ...media, '--json')).stdout);
      expect(verified).toMatchObject({ exit: 0, restorable: 3 });
      const destination = withBtrfs();
      await succeeds('import', ...media, '--into', destination.mount);
      expectArrived(chain, destination);
      destination.remove();
    }
    flip(inStream(first, 'two', '0001.btrfs.zst'), 100);
    const ran = await btrferry('verify', last, first, '--json');
    const [failure] = eventsIn(ran).flatMap(({ failures = [] }) => failures);
    expect(failure).toMatchObject({ where: { archive: first } });
    expect(resultOf(ran.stdout)).toMatchObject({ exit: 4 });
  });

  test('is whole as long as some medium has each part, wherever it was moved to', async () => {
    const [first, last] = spread(split, 'two', '0'.repeat(16));
    const third = fresh('moved');
    const directory = path.basename(path.dirname(inStream(last, 'two', 'manifest.json')));
    mkdirSync(path.join(third, 'streams', directory), { recursive: true });
    const moved = path.join(third, 'streams', directory, '0002.btrfs.zst');
    renameSync(inStream(last, 'two', '0002.btrfs.zst'), moved);
    expect(await codesOf('verify', first, last)).toEqual(['part-missing']);
    const destination = withBtrfs();
    await succeeds('import', third, first, last, '--into', destination.mount);
    expectArrived(chain, destination);
    destination.remove();
    await succeeds('verify', third, first, last);
    await succeeds('copy', third, first, last, fresh('whole'));
    // Files that no stream takes are not passed over.
    copyFileSync(moved, path.join(path.dirname(moved), '0003.btrfs.zst'));
    expect(await codesOf('verify', third, first, last)).toEqual(['stream-incomplete']);
  });

  test('is not copied from one of them, and no tar file is left', async () => {
    const [, last] = spread(split, 'two', '0'.repeat(16));
    const tar = fresh('one.tar');
    await fails(['copy', last, tar], { exit: 5, code: 'medium-missing', hint: 'drive 1' });
    expect(existsSync(tar)).toBe(false);
  });

  test('is received when its parts are gathered in one directory', async () => {
    const [first, last] = spread(split, 'two', '0'.repeat(16));
    const part = '0001.btrfs.zst';
    copyFileSync(inStream(first, 'two', part), inStream(last, 'two', part));
    const destination = withBtrfs();
    await succeeds('import', last, '--into', destination.mount);
    expectArrived(chain, destination);
    await succeeds('verify', last);
    destination.remove();
  });
});
