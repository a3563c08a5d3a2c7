import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { describeReal, describeTree, withBtrfs } from '../filesystem.ts';
import { fails, succeeds } from '../program.ts';
import { fresh } from './chainlet.ts';
import { randomFile } from './everything.ts';

describeReal('a copy', () => {
  test('has one kind of files for increments to clone from', async () => {
    const fs = withBtrfs();
    const home = fs.subvolume('home');
    mkdirSync(path.join(home, 'dir'));
    for (const file of ['dir/small', 'dir/large']) {
      randomFile(path.join(home, file), file.endsWith('small') ? 10_000 : 3_000_000);
    }
    const one = fs.snapshot('home', 'one');
    for (const file of ['small', 'large']) {
      execFileSync('cp', ['--reflink=always', path.join(home, 'dir', file), path.join(home, file)]);
    }
    const two = fs.snapshot('home', 'two');
    const drive = fresh();
    await succeeds('fingerprint', one, '--to', drive);
    await succeeds('export', two, '--to', drive);
    const mixed = withBtrfs();
    mkdirSync(path.join(mixed.subvolume('copy'), 'dir'));
    execFileSync('chattr', ['+C', mixed.at('copy/dir')]);
    const bare = withBtrfs();
    execFileSync('chattr', ['+C', bare.subvolume('copy')]);
    for (const { mount, at } of [mixed, bare]) {
      execFileSync('rsync', ['-aHAX', `${one}/`, `${at('copy')}/`]);
      const adoption = ['adopt', drive, '--copy', at('copy'), '--into', mount, '--repair-metadata'];
      if (mount === mixed.mount) {
        const where = { path: at('copy/dir/large') };
        await fails(adoption, { exit: 6, code: 'destination-unfit', where });
        expect(readdirSync(mount)).toEqual(['copy']);
        continue;
      }
      await succeeds(...adoption);
      await succeeds('import', drive, '--into', mount);
      expect(describeTree(at('two'))).toEqual(describeTree(two));
    }
  });
});
