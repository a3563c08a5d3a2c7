import { execFileSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { describeReal, withBtrfs } from '../filesystem.ts';
import { fails, succeeds, warningsOf } from '../program.ts';
import { fresh, makeChain } from './chainlet.ts';

describeReal('a fingerprint', () => {
  test('that is damaged is named', async () => {
    const [source, destination] = [withBtrfs(), withBtrfs()];
    const [one = '', two = ''] = makeChain(source);
    const copy = destination.subvolume('copy');
    const drive = fresh();
    await succeeds('fingerprint', one, '--to', drive);
    const directory = path.join(drive, 'fingerprints');
    const [name = ''] = readdirSync(directory);
    writeFileSync(path.join(directory, name, 'fingerprint.json'), '{');
    const where = { file: `fingerprints/${name}/fingerprint.json` };
    const damage = { exit: 4, code: 'manifest-damaged', where } as const;
    await fails(['adopt', drive, '--copy', copy, '--into', destination.mount], damage);
    await fails(['export', two, '--onto', 'one', '--to', drive], damage);
    const exported = await succeeds('export', two, '--to', drive, '--json');
    expect(warningsOf(exported)).toContain('manifest-unusable');
  });

  test('of a copy that was changed since asks for a new one', async () => {
    const [source, destination] = [withBtrfs(), withBtrfs()];
    const [one = ''] = makeChain(source);
    destination.subvolume('copy');
    const base = destination.snapshot('copy', 'base');
    const drive = fresh();
    await succeeds('fingerprint', base, '--blocks', '--to', drive);
    await succeeds('export', one, '--onto', 'base', '--to', drive);
    const missing = { exit: 5, code: 'parent-missing', hint: '--onto' } as const;
    const imported = ['import', drive, '--into', destination.mount];
    execFileSync('btrfs', ['property', 'set', base, 'ro', 'false']);
    await fails(imported, missing);
    writeFileSync(path.join(base, 'more'), '');
    execFileSync('btrfs', ['property', 'set', base, 'ro', 'true']);
    await fails(imported, missing);
  });
});
