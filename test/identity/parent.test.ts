import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { describeReal, describeTree, withBtrfs, withDirectory } from '../filesystem.ts';
import { succeeds } from '../program.ts';
import { deleteSubvolume, snapshotOf } from './flip.ts';
import { archive, next, outcome, source } from './machine.ts';

describeReal('the parent that is found', () => {
  const stepsOf = ({ plan }: Awaited<ReturnType<typeof outcome>>) =>
    (plan?.steps ?? []) as { parent: { name: string; title: string } | null; reason: string }[];
  const parents = (found: Awaited<ReturnType<typeof outcome>>) =>
    stepsOf(found).map(({ parent }) => parent?.name ?? null);

  test('is the nearest snapshot if the writable originals are gone, if that saves enough', async () => {
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

  test('is missing if all related snapshots are gone, which is reported and can be refused', async () => {
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

  test('lies below the same mount point, or the plan says why there is none', async () => {
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

  test('may be a snapshot that only a receipt lists', async () => {
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

  test('is lost from the archive, so the newest stream there cannot be restored', async () => {
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
