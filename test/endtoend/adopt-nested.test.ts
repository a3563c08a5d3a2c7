import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { type Btrfs, describeReal, describeTree, withBtrfs } from '../filesystem.ts';
import { fails, succeeds } from '../program.ts';
import { fresh } from './chainlet.ts';

/** A subvolume with nested ones, as snapper makes them. */
function withNested(): Btrfs {
  const fs = withBtrfs();
  const home = fs.subvolume('home');
  mkdirSync(path.join(home, 'dir'));
  writeFileSync(path.join(home, 'dir/file'), 'contents');
  for (const name of ['home/.snapshots', 'home/dir/nested']) {
    writeFileSync(path.join(fs.subvolume(name), 'within'), 'of its own');
  }
  return fs;
}

describeReal('nested subvolumes', () => {
  test('of the source are no part of a copy, where rsync made empty directories', async () => {
    const [source, destination] = [withNested(), withBtrfs()];
    const one = source.snapshot('home', 'one');
    writeFileSync(source.at('home/dir/file'), 'other contents');
    const two = source.snapshot('home', 'two');
    const copy = destination.subvolume('copy');
    execFileSync('rsync', ['-aHAX', '--modify-window=-1', `${one}/`, `${copy}/`]);
    const drive = fresh();
    await succeeds('fingerprint', one, '--to', drive);
    await succeeds('export', two, '--to', drive);
    const into = ['--into', destination.mount];
    await succeeds('adopt', drive, '--copy', copy, ...into, '--repair-metadata');
    await succeeds('import', drive, ...into);
    for (const name of ['one', 'two']) {
      expect(describeTree(destination.at(name))).toEqual(describeTree(source.at(name)));
      expect(existsSync(destination.at(`${name}/.snapshots`))).toBe(false);
      expect(existsSync(destination.at(`${name}/dir/nested`))).toBe(false);
    }
  });

  test('of a copy leave nothing in what is made of it', async () => {
    const [source, destination] = [withBtrfs(), withNested()];
    const home = source.subvolume('home');
    mkdirSync(path.join(home, 'dir'));
    writeFileSync(path.join(home, 'dir/file'), 'new contents');
    mkdirSync(path.join(home, 'dir/nested'));
    writeFileSync(path.join(home, 'dir/nested/within'), 'of the source');
    const one = source.snapshot('home', 'one');
    const [drive, other] = [fresh('drive'), fresh('other')];
    const into = ['--into', destination.mount];
    await succeeds('fingerprint', one, '--to', other);
    await fails(['adopt', other, '--copy', destination.at('home'), ...into], {
      exit: 6,
      code: 'destination-unfit',
      where: { path: destination.at('home/.snapshots') },
    });
    const base = destination.snapshot('home', 'base');
    await succeeds('fingerprint', base, '--to', drive, '--blocks');
    await succeeds('export', one, '--onto', 'base', '--to', drive);
    await succeeds('import', drive, ...into);
    expect(describeTree(destination.at('one'))).toEqual(describeTree(one));
    expect(existsSync(destination.at('one/.snapshots'))).toBe(false);
  });
});
