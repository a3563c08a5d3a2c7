import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { infoAt } from '../../src/btrfs/subvolume.ts';
import { published } from '../endtoend/chainlet.ts';
import { type Btrfs, describeReal, describeTree, withBtrfs, withDirectory } from '../filesystem.ts';
import { btrferry, eventsIn, succeeds } from '../program.ts';
import { changeInPlace, deleteSubvolume, flip, receiveByHand, snapshotOf } from './flip.ts';
import { archive, next, outcome, source } from './machine.ts';

describeReal('a subvolume with a received UUID that is not what the UUID says', () => {
  /** A machine restored from `old`: it was flipped, moved, and went on, with three snapshots. */
  async function restored() {
    const [a, c] = [source(), withBtrfs()];
    receiveByHand(a.at('old'), c.mount);
    flip(c.at('old'), 'writable');
    renameSync(c.at('old'), c.at('work'));
    const snapshots = [1, 2, 3].map((number) => {
      appendFileSync(c.at('work/small'), `of ${number}`);
      return c.snapshot('work', `s.${number}`);
    });
    return { a, c, snapshots };
  }

  test('is not there already, and is not exported as something else', async () => {
    const { a, snapshots } = await restored();
    const drive = archive();
    await succeeds('export', a.at('old'), '--to', drive);
    const before = published(drive);
    const fresh = archive();
    for (const to of [drive, fresh]) {
      for (const more of [[], ['--parent', 'none']]) {
        const refused = await outcome('export', ...snapshots, '--to', to, ...more);
        expect(refused).toMatchObject({ exit: 6, codes: ['not-genuine'] });
      }
    }
    expect(published(drive)).toEqual(before);
    expect(existsSync(fresh)).toBe(false);
  });

  test('is exported by the commands that the refusal names, and arrives', async () => {
    const { snapshots } = await restored();
    const [, , last = ''] = snapshots;
    const ran = await btrferry('export', last, '--to', archive());
    const [, script = ''] = /: (btrfs subvolume snapshot .*)$/m.exec(ran.stderr) ?? [];
    execFileSync('sh', ['-c', script]);
    const drive = archive();
    await succeeds('export', `${last}.new`, '--to', drive);
    const destination = withBtrfs();
    await succeeds('import', drive, '--into', destination.mount);
    expect(describeTree(destination.at('s.3.new'))).toEqual(describeTree(last));
  });

  test.each<[string, (b: Btrfs) => void]>([
    ['changed in place', (b) => changeInPlace(b.at('old'), () => writeFileSync(b.at('old/n'), ''))],
    [
      'a snapshot of what was changed',
      (b) => {
        flip(b.at('old'), 'writable');
        writeFileSync(b.at('old/n'), '');
        snapshotOf(b.at('old'), b.at('copy'));
        deleteSubvolume(b.at('old'));
      },
    ],
    [
      'a snapshot that comes before it',
      (b) => {
        snapshotOf(b.at('old'), b.at('copy'));
        deleteSubvolume(b.at('old'));
      },
    ],
  ])('is not a parent, and nothing is received onto it: %s', async (_, spoil) => {
    const [a, b] = [source(), withBtrfs()];
    const drive = archive();
    await succeeds('export', a.at('old'), '--to', drive);
    for (const byHand of [false, true]) {
      if (byHand) receiveByHand(a.at('old'), b.mount);
      else await succeeds('import', drive, '--into', b.mount);
      spoil(b);
      const onto = archive();
      const parent = ['--parent', a.at('old')];
      await succeeds('export', next(a, `next.${byHand}`), '--to', onto, ...parent);
      const before = readdirSync(b.mount);
      for (const archives of [[onto], [onto, drive]]) {
        const refused = await outcome('import', ...archives, '--into', b.mount);
        expect(refused.codes).toContain('parent-missing');
        expect(refused.exit).toBeGreaterThan(0);
      }
      // Nor is it there already.
      expect(await outcome('import', drive, '--into', b.mount)).toMatchObject({
        exit: 6,
        codes: ['destination-unfit'],
      });
      expect(readdirSync(b.mount)).toEqual(before);
      for (const name of before) deleteSubvolume(b.at(name));
    }
  });

  test('does no harm while receive takes the genuine one', async () => {
    const [a, b] = [source(), withBtrfs()];
    const drive = archive();
    await succeeds('export', a.at('old'), '--to', drive);
    await succeeds('import', drive, '--into', b.mount);
    snapshotOf(b.at('old'), b.at('kept'));
    const now = next(a, 'now');
    await succeeds('export', now, '--to', drive);
    await succeeds('import', drive, '--into', b.mount);
    expect(describeTree(b.at('now'))).toEqual(describeTree(now));
  });

  test('archives with two contents under one UUID are reported as a conflict', async () => {
    const a = source();
    const [one, other] = [archive(), archive()];
    await succeeds('export', a.at('old'), next(a, 'on'), '--to', one);
    changeInPlace(a.at('old'), () => writeFileSync(a.at('old/changed'), ''));
    const refused = await outcome('export', a.at('old'), '--to', one);
    expect(refused).toMatchObject({ exit: 1, codes: ['archive-conflict'] });
    await succeeds('export', a.at('old'), '--to', other);
    const listed = eventsIn(await btrferry('list', one, other, '--json'));
    const conflicting = listed.filter((event) => event.conflicting === true);
    expect(conflicting).toHaveLength(2);
    expect(await outcome('verify', one, other)).toMatchObject({ exit: 5 });
    const b = withBtrfs();
    const both = await outcome('import', one, other, '--into', b.mount);
    expect(both).toMatchObject({ exit: 1 });
    expect(new Set(both.codes)).toEqual(new Set(['archive-conflict']));
    expect(readdirSync(b.mount)).toEqual([]);
    await succeeds('import', one, '--into', b.mount);
    expect(readdirSync(b.mount).sort()).toEqual(['old', 'on']);
  });
});

describeReal('two states with the same number on one filesystem', () => {
  test('are not taken for each other, and neither is sent on', async () => {
    const [a, b] = [source(), withBtrfs()];
    const [one, other] = [archive(), archive()];
    mkdirSync(b.at('1'));
    mkdirSync(b.at('2'));
    const files = ['1', '2'].map((name) => path.join(withDirectory(), name));
    const send = (to: string) => execFileSync('btrfs', ['-q', 'send', '-f', to, a.at('old')]);
    await succeeds('export', a.at('old'), '--to', one);
    send(files[0] as string);
    changeInPlace(a.at('old'), () => writeFileSync(a.at('old/small'), 'changed'));
    send(files[1] as string);
    await succeeds('export', a.at('old'), '--to', other);
    const now = snapshotOf(a.at('old'), a.at('writable'), []);
    writeFileSync(path.join(now, 'more'), 'more');
    await succeeds('export', snapshotOf(now, a.at('now')), '--to', other, '--parent', a.at('old'));
    for (const [at, file] of files.entries()) {
      execFileSync('btrfs', ['-q', 'receive', '-f', file, b.at(`${at + 1}`)]);
    }
    execFileSync('btrfs', ['filesystem', 'sync', b.mount]);
    const [first, second] = [await infoAt(b.at('1/old')), await infoAt(b.at('2/old'))];
    expect(first.ctransid).toBe(second.ctransid);
    expect(first.sendTransid).not.toBe(second.sendTransid);
    for (const name of ['1/old', '2/old']) {
      const refused = await outcome('export', b.at(name), '--to', archive());
      expect(refused).toMatchObject({ exit: 6, codes: ['not-genuine'] });
    }
    const imported = await outcome('import', one, other, '--into', b.mount);
    expect(imported).toMatchObject({ exit: 5, codes: ['parent-missing'] });
    expect(imported.plan).toMatchObject({ present: [{}, {}] });
    // Nor do the receipts link them.
    await succeeds('import', one, '--into', b.mount);
    await outcome('import', other, '--into', b.mount, '--partial');
    expect(await outcome('verify', one, other)).toMatchObject({ exit: 5 });
  });
});

describeReal('one snapshot that took several ways', () => {
  test('is recognised if two machines send it on into one archive', async () => {
    const [a, b, c, d] = [source(), withBtrfs(), withBtrfs(), withBtrfs()];
    const [drive, shared] = [archive(), archive()];
    await succeeds('export', a.at('old'), '--to', drive);
    await succeeds('import', drive, '--into', b.mount);
    writeFileSync(c.at('other'), 'so that it counts otherwise');
    execFileSync('sync');
    await succeeds('import', drive, '--into', c.mount);
    await succeeds('export', b.at('old'), '--to', shared);
    const second = await outcome('export', c.at('old'), '--to', shared);
    expect(second).toMatchObject({ exit: 0, plan: { steps: [] }, warnings: [] });
    await succeeds('import', shared, '--into', d.mount);
    // The next snapshot of the first machine builds on one that came by another way.
    await succeeds('export', next(a, 'now'), '--to', drive);
    await succeeds('import', drive, shared, '--into', d.mount);
    expect(describeTree(d.at('now'))).toEqual(describeTree(a.at('now')));
  });

  test('is recognised if it is handed from drive to drive, and back to an earlier one', async () => {
    const [a, b, c] = [source(), withBtrfs(), withBtrfs()];
    const [first, second] = [archive(), archive()];
    await succeeds('export', a.at('old'), '--to', first);
    await succeeds('import', first, '--into', b.mount);
    await succeeds('export', b.at('old'), '--to', second);
    await succeeds('import', second, '--into', c.mount);
    for (const to of [second, first]) {
      const again = await outcome('export', c.at('old'), '--to', to);
      // The second drive has the record of B; the first has B's receipt.
      expect(again, to).toMatchObject({ exit: 0, plan: { steps: [] }, warnings: [] });
    }
    const empty = archive();
    cpSync(first, empty, { recursive: true });
    execFileSync('rm', ['-r', path.join(empty, 'receipts')]);
    const unknown = await outcome('export', c.at('old'), '--to', empty);
    expect(unknown).toMatchObject({ exit: 1, codes: ['archive-conflict'] });
  });
});
