import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { describeReal, withBtrfs, withDirectory } from '../filesystem.ts';
import { succeeds, warningsOf } from '../program.ts';

describeReal('a top whose attributes files inherit', () => {
  test('is warned of, because received files get them too', async () => {
    const fs = withBtrfs();
    execFileSync('btrfs', ['-q', 'subvolume', 'create', fs.at('home')]);
    writeFileSync(fs.at('home/notes'), 'notes');
    execFileSync('setfacl', ['-d', '-m', 'u:daemon:r', fs.at('home')]);
    execFileSync('setfattr', ['-n', 'btrfs.compression', '-v', 'zstd', fs.at('home')]);
    execFileSync('btrfs', ['-q', 'subvolume', 'snapshot', '-r', fs.at('home'), fs.at('home.1')]);
    const to = withDirectory();
    const codes = async () =>
      warningsOf(await succeeds('export', fs.at('home.1'), '--to', to, '--json'));
    expect(await codes()).toContain('attributes-inherited');
    // Nothing is sent now, so nothing is said.
    expect(await codes()).not.toContain('attributes-inherited');

    const destination = withBtrfs();
    await succeeds('import', to, '--into', destination.mount);
    const acl = execFileSync('getfacl', ['-c', destination.at('home.1/notes')]).toString();
    expect(acl).toContain('daemon');
  });

  test('is not warned of without them', async () => {
    const fs = withBtrfs();
    execFileSync('btrfs', ['-q', 'subvolume', 'create', fs.at('home')]);
    execFileSync('setfacl', ['-m', 'u:daemon:r', fs.at('home')]);
    execFileSync('btrfs', ['-q', 'subvolume', 'snapshot', '-r', fs.at('home'), fs.at('home.1')]);
    const ran = await succeeds('export', fs.at('home.1'), '--to', withDirectory(), '--json');
    expect(warningsOf(ran)).not.toContain('attributes-inherited');
  });
});
