import { execFileSync, spawnSync } from 'node:child_process';
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { commands } from '../../src/sendstream/commands.ts';
import { describeReal, describeTree, withBtrfs } from '../filesystem.ts';
import { inspect, sampleStreams } from './streams.ts';

const streams = sampleStreams();
const versions = [1, 2] as const;
const inspected = await Promise.all(streams.map(({ file }) => inspect(file)));
const all = streams.map((stream, at) => ({
  ...stream,
  label: path.basename(stream.file),
  found: inspected[at] as (typeof inspected)[0],
}));

/** Bytes of each name below tree.1/names, in Latin-1. */
const oddNames = [
  ' before',
  '$HOME `x` *?',
  '-dash',
  '.hidden',
  '\x01\x7f',
  'a space',
  'back\\slash',
  'behind ',
  'dir \xe9\n',
  'escape\x1b[31m',
  'latin-1 caf\xe9',
  'n'.repeat(255),
  'new\nline',
  'not utf-8 \xff\xfe\x80',
  'quotes \' and "',
  'tab\tand\x07alarm',
  ...['Grüße', '日本語', 'turned \u202etxt.exe'].map((name) =>
    Buffer.from(name).toString('latin1'),
  ),
].sort();
const oddSnapshot = 'odd \n n\xe4me';

describe('inspect', () => {
  test.each(all)('of $label matches its name', ({ name, version, needs, noData, empty, found }) => {
    const identities = needs.map(
      (needed) => all.find((other) => other.name === needed)?.found.identity,
    );
    const text =
      typeof found.name === 'string' ? found.name : Buffer.from(found.name.base64, 'base64');
    expect(text).toEqual(name === 'odd-name' ? Buffer.from(oddSnapshot, 'latin1') : name);
    expect(found.protocol).toBe(version);
    expect(found.kind).toBe(needs.length === 0 ? 'full' : 'incremental');
    expect([found.parent, ...found.cloneSources]).toEqual(needs.length === 0 ? [null] : identities);
    expect(found.noData).toBe(noData);
    expect(found.compressedData).toBe(name.startsWith('packed'));
    expect(Object.keys(found.commands).length > 2).toBe(!empty);
    expect(found.length).toBe(lstatSync(found.file).size);
  });

  test.each(versions)('finds every command that the kernel sends in version %i', (version) => {
    const sent = all.filter((stream) => stream.version === version);
    const seen = new Set(sent.flatMap(({ found }) => Object.keys(found.commands)));
    // In the table of version 2; Linux 6.18 sends neither, whatever is done to files.
    const unsent = ['FALLOCATE', 'FILEATTR'];
    // The one stream with --no-data is of version 1.
    if (version === 2) unsent.push('UPDATE_EXTENT');
    const expected = Object.entries(commands)
      .filter(([name, { since }]) => since <= version && !unsent.includes(name))
      .map(([name]) => name);
    expect([...seen].sort()).toEqual(expected.sort());
  });
});

const progs = spawnSync('btrfs', ['--version']).status === 0;
if (!progs && process.env.CI === 'true') throw new Error('btrfs-progs is not installed');
const skipped = progs ? '' : ' (skipped: btrfs-progs is not installed)';

describe.skipIf(!progs)(`btrfs receive --dump${skipped}`, () => {
  test.each(all)('of $label has the same commands', ({ file, found }) => {
    const dumped = spawnSync('btrfs', ['receive', '--dump', '-f', file], { encoding: 'latin1' });
    expect(dumped.stderr).toBe('');
    expect(dumped.status).toBe(0);
    const counts: Record<string, number> = {};
    for (const line of dumped.stdout.trimEnd().split('\n')) {
      const [command = ''] = line.split(' ');
      counts[command.toUpperCase()] = (counts[command.toUpperCase()] ?? 0) + 1;
    }
    const { END, ...rest } = found.commands;
    expect(END).toBe(1);
    expect(counts).toEqual(rest);
  });
});

describeReal('btrfs receive', () => {
  test('receives every stream of both versions, with the same result', () => {
    const trees = versions.map((version) => {
      const btrfs = withBtrfs({ size: 256 * 2 ** 20 });
      const own = all.filter((stream) => stream.version === version && !stream.noData);
      for (const { file } of own) {
        const received = spawnSync('btrfs', ['receive', '-q', btrfs.mount], {
          input: readFileSync(file),
          encoding: 'utf8',
        });
        expect(received.stderr).toBe('');
        expect(received.status).toBe(0);
      }
      const mount = Buffer.from(`${btrfs.mount}/`);
      const names = readdirSync(btrfs.mount, { encoding: 'buffer' }).map((name) =>
        name.toString('latin1'),
      );
      const expected = own.map(({ name }) => (name === 'odd-name' ? oddSnapshot : name));
      expect(names.sort()).toEqual(expected.sort());
      const list = execFileSync('btrfs', ['subvolume', 'list', '-r', '-R', btrfs.mount], {
        encoding: 'latin1',
      });
      for (const { found } of own) expect(list).toContain(`received_uuid ${found.identity.uuid}`);
      return new Map(
        names.map((name) => [
          name,
          describeTree(Buffer.concat([mount, Buffer.from(name, 'latin1')])),
        ]),
      );
    });
    const [first = new Map<string, string[]>(), second = new Map<string, string[]>()] = trees;
    for (const [name, tree] of first) expect(second.get(name), name).toEqual(tree);
    expect([...second.keys()].filter((name) => !first.has(name))).toEqual(['packed.1', 'packed.2']);
  });

  test.each(versions)('keeps names, links, holes and everything else: version %i', (version) => {
    const btrfs = withBtrfs({ size: 256 * 2 ** 20 });
    for (const { file } of all.filter(
      (s) => s.version === version && s.name === 'tree.1' && !s.noData,
    )) {
      execFileSync('btrfs', ['receive', '-q', '-f', file, btrfs.mount]);
    }
    const names = readdirSync(btrfs.at('tree.1/names'), { encoding: 'buffer' });
    expect(names.map((name) => name.toString('latin1')).sort()).toEqual(oddNames);

    const at = (name: string) => lstatSync(btrfs.at(`tree.1/${name}`));
    expect(at('links/first')).toMatchObject({ ino: at('deep/third').ino, nlink: 3 });
    expect(at('fifo').isFIFO()).toBe(true);
    expect(at('socket').isSocket()).toBe(true);
    expect(at('null')).toMatchObject({ rdev: lstatSync('/dev/null').rdev });
    expect(at('loop').isBlockDevice()).toBe(true);
    expect(at('set-uid').mode & 0o7777).toBe(0o4711);
    expect(at('owned')).toMatchObject({
      uid: 1000,
      gid: 100,
      mtimeMs: Date.UTC(1969, 6, 20, 20, 17, 40),
    });
    expect(at('sparse').size).toBe(2 ** 20);
    expect(at('sparse').blocks * 512).toBe(4096);
    const lines = describeTree(btrfs.at('tree.1')).join('\n');
    expect(lines).toMatch(/"capable".* security\.capability=0x01000002/);
    expect(lines).toMatch(/"deep".* system\.posix_acl_default=.* trusted\.overlay\.opaque=0x79/);
    expect(lines).toMatch(/"attributed".* user\.bytes=0x00ff0a80 .* user\.empty/);
    expect(lines).toContain('-> to\\xff\\x0abytes');
  });
});
