import { copyFileSync, existsSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeReal, withBtrfs } from '../filesystem.ts';
import { btrferry, eventsIn, fails, resultOf, succeeds } from '../program.ts';
import { type Chainlet, expectArrived, fresh, inStream, makeChainlet } from './chainlet.ts';
import { spread } from './spanned.ts';
import { flip } from './spoil.ts';

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
    for (const medium of [first, last]) {
      const ran = await btrferry('verify', medium, '--json');
      expect(resultOf(ran.stdout), ran.stderr).toMatchObject({ exit: 5, restorable: 1 });
    }
    const destination = withBtrfs();
    const alone = ['import', last, '--into', destination.mount, '--only', 'two'];
    await fails(alone, { exit: 5, code: 'medium-missing', hint: 'drive 1' });
    destination.remove();
    flip(inStream(last, 'two', '0002.btrfs.zst'), 100);
    const ran = await btrferry('verify', last, '--json');
    expect(resultOf(ran.stdout)).toMatchObject({ exit: 4 });
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
