import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { seeded } from '../faults/random.ts';
import { describeReal, describeTree, withBtrfs } from '../filesystem.ts';
import { succeeds } from '../program.ts';
import { randomChanges, randomTree } from '../tree/random-tree.ts';
import { fresh } from './chainlet.ts';

/** Random chains, each from a seed that makes it again. */
describeReal('a random copy', () => {
  test.each([1, 2])(
    'is adopted, or brought up to date, and then follows: seed %i',
    async (seed) => {
      const random = seeded(seed);
      const [source, destination] = [withBtrfs(), withBtrfs()];
      const home = source.subvolume('home');
      // The kernel makes each new file at the top first, and does not take away what it gets there.
      randomTree(home, random, false);
      const snapshots: string[] = [];
      for (let at = 0; at < 4; at++) {
        snapshots.push(source.snapshot('home', `home.${at}`));
        randomChanges(home, random, false);
      }
      const [first = '', ...later] = snapshots;
      const copy = destination.subvolume('copy');
      execFileSync('rsync', ['-aHAX', '--modify-window=-1', `${first}/`, `${copy}/`]);
      const drive = fresh();
      const into = ['--into', destination.mount];
      if (seed % 2 === 0) {
        await succeeds('fingerprint', first, '--to', drive);
        await succeeds('adopt', drive, '--copy', copy, ...into, '--repair-metadata');
      } else {
        randomChanges(copy, random, false);
        const base = destination.snapshot('copy', 'base');
        await succeeds('fingerprint', base, '--blocks', '--to', drive);
        await succeeds('export', first, '--onto', 'base', '--to', drive);
      }
      await succeeds('export', ...later, '--to', drive);
      await succeeds('import', drive, ...into);
      for (const [at, snapshot] of snapshots.entries()) {
        expect(describeTree(destination.at(`home.${at}`))).toEqual(describeTree(snapshot));
      }
    },
  );
});
