import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { describeReal, describeTree, withBtrfs } from '../filesystem.ts';
import { fails, succeeds } from '../program.ts';
import { fresh } from './chainlet.ts';

const unfit = (place: string) => ({
  exit: 6,
  code: 'destination-unfit' as const,
  where: { path: place },
});

describeReal('a copy that increments could not build on', () => {
  test('is refused before, and taken when it is mended', async () => {
    const [source, destination] = [withBtrfs(), withBtrfs()];
    const home = source.subvolume('home');
    mkdirSync(path.join(home, 'dir'));
    writeFileSync(path.join(home, 'dir/small'), 'small');
    writeFileSync(path.join(home, 'dir/large'), randomBytes(3 * 2 ** 20));
    const one = source.snapshot('home', 'one');
    const drive = fresh();
    await succeeds('fingerprint', one, '--to', drive);
    const { at, mount, subvolume } = destination;
    const copy = subvolume('copy');
    const rsync = () => execFileSync('rsync', ['-aHAX', `${one}/`, `${copy}/`]);
    const chattr = (flags: string, name: string) => execFileSync('chattr', [flags, at(name)]);
    const adoption = ['adopt', drive, '--copy', copy, '--into', mount, '--repair-metadata'];
    mkdirSync(path.join(copy, 'dir'));
    chattr('+C', 'copy/dir');
    writeFileSync(at('copy/dir/small'), '');
    chattr('-C', 'copy/dir');
    execFileSync('rsync', ['-aHAX', '--inplace', `${one}/`, `${copy}/`]);
    await fails(adoption, unfit(at('copy/dir/small')));
    execFileSync('rm', ['-r', at('copy/dir')]);
    destination.remount('nodatasum');
    rsync();
    destination.remount('datasum');
    await fails(adoption, unfit(at('copy/dir/large')));
    execFileSync('rm', ['-r', at('copy/dir')]);
    rsync();
    for (const place of ['copy/dir/small', 'copy/dir', 'copy']) {
      for (const flag of ['i', 'a']) {
        chattr(`+${flag}`, place);
        await fails(adoption, { ...unfit(at(place)), hint: 'chattr -R' });
        chattr(`-${flag}`, place);
        expect(readdirSync(mount)).toEqual(['copy']);
      }
    }
    chattr('+i', 'copy/dir/small');
    const base = destination.snapshot('copy', 'base');
    const other = fresh();
    await succeeds('fingerprint', base, '--blocks', '--to', other);
    const onto = ['export', one, '--onto', 'base', '--to', other];
    await fails(onto, { ...unfit('dir/small'), hint: 'chattr -R' });
    chattr('-i', 'copy/dir/small');
    await succeeds(...adoption);
    expect(describeTree(at('one'))).toEqual(describeTree(one));
  });

  test.each(['chattr', 'nodatacow'])(
    'sends blocks that moved to files without checksums: %s',
    async (way) => {
      const [source, destination] = [withBtrfs(), withBtrfs()];
      const [one, two] = [randomBytes(2 ** 20), randomBytes(2 ** 20)];
      const home = source.subvolume('home');
      const copy = destination.subvolume('copy');
      writeFileSync(path.join(copy, 'file'), Buffer.concat([one, two]));
      if (way === 'chattr') execFileSync('chattr', ['+C', copy]);
      else destination.remount('nodatacow');
      writeFileSync(path.join(copy, 'bare'), Buffer.concat([one, two]));
      for (const name of ['file', 'bare']) {
        writeFileSync(path.join(home, name), Buffer.concat([two, one]));
      }
      source.snapshot('home', 'home.1');
      destination.snapshot('copy', 'base');
      const drive = fresh();
      await succeeds('fingerprint', destination.at('base'), '--blocks', '--to', drive);
      await succeeds('export', source.at('home.1'), '--onto', 'base', '--to', drive);
      await succeeds('import', drive, '--into', destination.mount);
      expect(describeTree(destination.at('home.1'))).toEqual(describeTree(source.at('home.1')));
    },
  );
});
