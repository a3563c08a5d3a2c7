import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { exit } from '../../src/failure/failure.ts';
import { seal } from '../../src/manifest/seal.ts';
import { runInspect } from '../../src/operations/inspect/run.ts';
import { runList } from '../../src/operations/list/run.ts';
import { type Btrfs, describeReal, withBtrfs, withDirectory } from '../filesystem.ts';
import { btrferrySync } from '../program.ts';
import { end, own, streamOf } from '../sendstream/streams.ts';
import { attempt, importInto, verify } from './attempt.ts';
import { forge } from './forge.ts';
import { tally } from './tally.ts';

/**
 * Names that would do something to a terminal, to a shell or to a reader. They are lawful: btrfs
 * knows only bytes. They arrive as they are, and are never shown as they are.
 */
const names: readonly (readonly [string, string | Buffer])[] = [
  ['sets the title', '\x1b]0;pwned\x07'],
  ['colours', '\x1b[31mred\x1b[0m'],
  ['clears the screen', '\x1b[2J\x1b[H'],
  ['answers for the user', '\x1bP$q"p\x1b\\'],
  ['uses a C1 control', '\u009b31m'],
  ['goes back', 'good\r\x08\x08bad'],
  ['forges a line', 'a\nerror: all is lost\nhint: rm -rf ~'],
  ['forges a line of Unicode', 'a\u2028b\u2029c\u0085d'],
  ['is written backwards', 'gnp.\u202exe'],
  ['is no UTF-8', Buffer.of(0xff, 0xfe, 0x1b, 0x5b)],
  ['is half a character', Buffer.of(0x61, 0xc3)],
  ['looks escaped', '\\x1b[31m'],
  ['is an option', '--into'],
  ['is a shell command', '$(touch pwned)`touch pwned`;touch pwned'],
  ['is a pattern', '*'],
  ['is a space', ' '],
  ['is as long as can be', 'x'.repeat(255)],
  ['is that of a left-over', `.btrferry-incoming-${own}-01234567`],
  ['is that of a left-over as it was', `.btrferry-incoming-${own}`],
];

const identityOf = (at: number) => `${own.slice(0, -2)}${String(at).padStart(2, '0')}`;

const inner = (name: Buffer, uuid: string) =>
  streamOf(2, [
    { type: 'SUBVOL', path: name, uuid, ctransid: 7n },
    { type: 'MKFILE', path: name, ino: 257n },
    { type: 'SYMLINK', path: Buffer.from('l'), ino: 258n, pathLink: name },
    { type: 'SET_XATTR', path: name, xattrName: Buffer.from('user.\x1b[31m'), xattrData: name },
    end,
  ]);

describeReal('a name that', () => {
  let destination: Btrfs;
  beforeAll(() => {
    destination = withBtrfs();
  });
  afterAll(() => destination.remove());

  test.each(names)('%s', async (_, text) => {
    const name = Buffer.from(text);
    const at = names.findIndex((entry) => entry[1] === text);
    const into = destination.at(`into ${at}`);
    execFileSync('mkdir', [into]);
    const archive = withDirectory();
    const stream = inner(name, identityOf(at));
    const directory = forge(archive, stream, { directory: directoryName(text) });
    const file = join(archive, 'btrferry.json');
    const { sha256: _seal, ...header } = JSON.parse(readFileSync(file, 'utf8'));
    writeFileSync(file, seal({ ...header, label: name.toString('latin1') }));
    const part = join(directory, '0001.btrfs.zst');
    const archives = [archive];

    const ends = [
      await importInto(archive, into, { dryRun: true }),
      await importInto(archive, into),
      await verify(archive),
      await attempt('list', (deps) => runList({ archives }, deps)),
      await attempt('inspect', (deps) => runInspect({ file: part, commands: true }, deps)),
    ];
    expect(ends.map((ended) => ended.exit)).toEqual([0, 0, 0, 0, 0]);
    // The next import must not take it for what an interrupted one left.
    if (name.includes('incoming')) expect((await importInto(archive, into)).exit).toBe(0);
    const [subvolume, ...others] = readdirSync(into, 'buffer');
    expect(others).toEqual([]);
    if (!name.includes('-01234567')) expect(String(subvolume)).toBe(String(name));
    const path = Buffer.concat([Buffer.from(`${into}/`), subvolume ?? Buffer.alloc(0)]);
    const arrived = readdirSync(path, 'latin1').sort();
    expect(arrived).toEqual([name.toString('latin1'), 'l'].sort());

    // Refusals name it in the same way.
    forge(archive, Buffer.from(stream).fill(0xff, 60, 64), { directory: directoryName(text) });
    expect((await verify(archive)).exit).toBe(exit.damaged);
    tally('names that would act on a terminal, received and never shown raw', 1);
  });

  test('is shown by the program itself as one that is safe', () => {
    const archive = withDirectory();
    for (const [at, [, text]] of names.entries()) {
      forge(archive, inner(Buffer.from(text), identityOf(at)), {
        directory: `${at}.${directoryName(text)}`,
      });
    }
    for (const args of [
      ['list', archive],
      ['list', '--json', archive],
      ['verify', archive],
      ['import', archive, '--into', destination.mount, '--dry-run'],
    ]) {
      const { exit, stdout, stderr } = btrferrySync(args);
      expect(exit, args.join(' ')).not.toBeNull();
      expect(`${stdout}${stderr}`.replaceAll('\n', '')).not.toMatch(
        /[\p{Cc}\p{Zl}\p{Bidi_Control}]/u,
      );
      expect(stderr).not.toContain('internal');
      expect(stdout).not.toMatch(/^error: all is lost/m);
    }
  });
});

/** A name for a directory of the archive: any that a filesystem takes. */
function directoryName(text: string | Buffer): string {
  const name = text.toString().replaceAll('/', '_').slice(0, 99);
  return `_${name}.full`;
}
