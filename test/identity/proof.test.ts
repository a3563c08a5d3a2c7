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
import { btrferry, eventsIn, type JsonEvent, succeeds } from '../program.ts';
import { changeInPlace, deleteSubvolume, flip, receiveByHand, snapshotOf } from './flip.ts';

/** A filesystem with `home`, and `old`, a read-only snapshot of it. */
function source(): Btrfs {
  const fs = withBtrfs();
  fs.subvolume('home');
  mkdirSync(fs.at('home/dir'));
  writeFileSync(fs.at('home/dir/file'), 'x'.repeat(300_000));
  writeFileSync(fs.at('home/small'), 'old');
  fs.snapshot('home', 'old');
  return fs;
}

/** The next read-only snapshot of `home`, with a change. */
function next(fs: Btrfs, name: string): string {
  appendFileSync(fs.at('home/small'), name);
  return fs.snapshot('home', name);
}

const archive = () => path.join(withDirectory(), 'archive');

/** The codes of all failures that a run told of, and how it ended. */
async function outcome(...args: string[]) {
  const ran = await btrferry(...args, '--json');
  const all = eventsIn(ran);
  const refused = (all.find(({ type }) => type === 'import-planned')?.refused ?? []) as {
    failure: { code: string };
  }[];
  const ended = all.at(-1)?.failure as { code: string } | undefined;
  return {
    exit: ran.exit,
    codes: [...refused.map(({ failure }) => failure.code), ...(ended ? [ended.code] : [])],
    warnings: all.filter(({ type }) => type === 'warning').map(({ code }) => code),
    plan: all.find(({ type }) => /-planned$/.test(type)) as JsonEvent | undefined,
    all,
  };
}

describeReal('what bears a received UUID and is not what that says', () => {
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
  ])('is no parent, and nothing is received onto it: %s', async (_, spoil) => {
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

  test('does not hinder while receive takes the genuine one', async () => {
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

  test('of streams: archives with two contents under one UUID are told, and not guessed', async () => {
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

describeReal('two states that one filesystem counts alike', () => {
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

describeReal('one snapshot on several ways', () => {
  test('is one: received by two, and sent on by both into one archive', async () => {
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

  test('is one: handed on from drive to drive, and put onto an earlier one', async () => {
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

describeReal('the parent that is found', () => {
  const stepsOf = ({ plan }: Awaited<ReturnType<typeof outcome>>) =>
    (plan?.steps ?? []) as { parent: { name: string; title: string } | null; reason: string }[];
  const parents = (found: Awaited<ReturnType<typeof outcome>>) =>
    stepsOf(found).map(({ parent }) => parent?.name ?? null);

  test('is the nearest where the writable originals are gone, if that pays', async () => {
    const a = source();
    writeFileSync(a.at('home/large'), 'x'.repeat(2_000_000));
    a.snapshot('home', 'base');
    /** A read-only copy whose writable original does not outlive it. */
    const copyOf = (from: string, name: string) => {
      const writable = snapshotOf(a.at(from), a.at('writable'), []);
      appendFileSync(path.join(writable, 'small'), name);
      snapshotOf(writable, a.at(name));
      deleteSubvolume(writable);
      return a.at(name);
    };
    const drive = archive();
    await succeeds('export', copyOf('base', 'c.1'), '--to', drive);
    const second = await outcome('export', copyOf('c.1', 'c.2'), '--to', drive, '--dry-run');
    expect(parents(second)).toEqual(['c.1']);
    a.subvolume('unrelated');
    const other = a.snapshot('unrelated', 'u.1');
    expect(parents(await outcome('export', other, '--to', drive, '--dry-run'))).toEqual([null]);
  });

  test('is not there where all related are gone, which is told and can be refused', async () => {
    const a = source();
    const drive = archive();
    await succeeds('export', a.at('old'), '--to', drive);
    deleteSubvolume(a.at('old'));
    const now = next(a, 'now');
    const dry = await outcome('export', now, '--to', drive, '--dry-run');
    expect(dry).toMatchObject({ exit: 0, warnings: ['full-again'] });
    expect(stepsOf(dry)[0]?.reason).toContain('old');
    const strict = await outcome('export', now, '--to', drive, '--require-incremental');
    expect(strict).toMatchObject({ exit: 5, codes: ['parent-missing'] });
  });

  test('lies below the same mount point, or why there is none is told', async () => {
    const a = withBtrfs();
    const mounted = ['@home', '@srv'].map((name) => {
      a.subvolume(name);
      const at = path.join(withDirectory(), name);
      mkdirSync(at);
      execFileSync('mount', ['-o', `subvol=${name}`, a.device, at]);
      mkdirSync(path.join(at, '.snapshots'));
      return at;
    });
    const drive = archive();
    const next = (number: number) =>
      mounted.map((at) => {
        appendFileSync(path.join(at, 'file'), `${number}`);
        mkdirSync(path.join(at, '.snapshots', `${number}`));
        return snapshotOf(at, path.join(at, '.snapshots', `${number}`, 'snapshot'));
      });
    const first = await outcome('export', ...next(1), '--to', drive);
    expect(first).toMatchObject({ exit: 0, warnings: [] });
    const second = await outcome('export', ...next(2), '--to', drive, '--require-incremental');
    expect(second).toMatchObject({ exit: 0, warnings: [] });
    expect(stepsOf(second).map(({ parent }) => parent?.title)).toEqual(['@home.1', '@srv.1']);
    // A machine that goes on from what it received: the parent is outside of what is mounted.
    const b = withBtrfs();
    await succeeds('import', drive, '--into', b.mount, '--only', '@home.2');
    snapshotOf(b.at('@home.2'), b.at('@home'), []);
    const home = path.join(withDirectory(), 'home');
    mkdirSync(home);
    execFileSync('mount', ['-o', 'subvol=@home', b.device, home]);
    const now = snapshotOf(home, path.join(home, 'now'));
    const full = await outcome('export', now, '--to', drive, '--dry-run');
    expect(full).toMatchObject({ exit: 0, warnings: ['full-again'] });
    expect(stepsOf(full)[0]?.reason).toContain('@home.2');
    const strict = await outcome('export', now, '--to', drive, '--require-incremental');
    expect(strict).toMatchObject({ exit: 5, codes: ['parent-missing'] });
    const other = await outcome('export', now, '--to', drive, '--parent', b.at('@home.2'));
    expect(other).toMatchObject({ exit: 2, codes: ['usage'] });
    const whole = await outcome('export', b.at('@home/now'), '--to', drive);
    expect(stepsOf(whole)[0]?.parent?.title).toBe('@home.2');
  });

  test('may be one that only a receipt has', async () => {
    const [a, b] = [source(), withBtrfs()];
    const drive = archive();
    await succeeds('export', a.at('old'), '--to', drive);
    await succeeds('import', drive, '--into', b.mount);
    execFileSync('sh', ['-c', 'rm -r "$1"/streams/*', 'sh', drive]);
    const found = await outcome('export', next(a, 'now'), '--to', drive);
    expect(found).toMatchObject({ exit: 0, warnings: ['parent-not-in-archive'] });
    expect(parents(found)).toEqual(['old']);
    await succeeds('import', drive, '--into', b.mount);
    expect(describeTree(b.at('now'))).toEqual(describeTree(a.at('now')));
  });

  test('is lost from the archive: the newest that is there can not be restored', async () => {
    const a = source();
    const drive = archive();
    const now = next(a, 'now');
    await succeeds('export', a.at('old'), now, '--to', drive);
    execFileSync('sh', ['-c', 'rm -r "$1"/streams/old.*', 'sh', drive]);
    const again = await outcome('export', now, '--to', drive);
    expect(again).toMatchObject({ exit: 5, warnings: ['not-restorable'] });
    expect(await outcome('export', next(a, 'later'), '--to', drive)).toMatchObject({ exit: 0 });
  });
});
