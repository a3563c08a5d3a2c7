import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { exit } from '../../src/failure/failure.ts';
import type { CommandBody } from '../../src/sendstream/commands.ts';
import { identity, withArchive } from '../operations/list/archives.ts';
import { btrferrySync, eventsIn, program } from '../program.ts';
import { around, bytes } from '../sendstream/streams.ts';

const commands = ['export', 'import', 'list', 'inspect', 'doctor'];
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is what is looked for
const ESCAPE = /\x1b/;

describe('help', () => {
  it.each([[], ...commands.map((command) => [command])])(
    'of "btrferry %s" ends in the exit codes',
    (...args) => {
      const { stdout, ...ran } = btrferrySync([...args, '--help']);
      expect(ran).toMatchObject({ exit: 0, stderr: '' });
      const codes = stdout.slice(stdout.indexOf('Exit codes:')).match(/^ {2}\d+/gm);
      expect(codes?.map(Number)).toEqual(Object.values(exit).sort((a, b) => a - b));
      if (args.length > 0) expect(stdout).toContain('Examples:');
      expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
    },
  );

  it('is printed if no command is given, and the exit code is that of wrong usage', () => {
    const { exit, stdout, stderr } = btrferrySync([]);
    expect([exit, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^Usage: btrferry/);
  });

  it('--version', () => {
    expect(btrferrySync(['--version'])).toMatchObject({
      exit: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    });
  });
});

describe('an argument that is not UTF-8', () => {
  it('is refused for that reason, unlike one that holds the replacement character', () => {
    const listed = (name: string) =>
      spawnSync('sh', [
        '-c',
        `exec "$0" "$1" list "$(printf '${name}')"`,
        process.execPath,
        program,
      ]);
    const refused = listed('/tmp/caf\\351');
    expect(refused.status).toBe(2);
    expect(refused.stderr.toString()).toContain('is not UTF-8');
    expect(listed('/tmp/\\357\\277\\275').stderr.toString()).toContain('no archive at');
  });
});

describe('wrong usage', () => {
  it.each([
    ['an unknown command', ['exprot'], "unknown command 'exprot'", 'did you mean export?'],
    ['an unknown option', ['list', 'x', '--jsn'], "unknown option '--jsn'", 'did you mean --json?'],
    ['no archive', ['list'], "missing required argument 'archive'", 'btrferry list --help'],
    [
      'no target',
      ['export', 'x'],
      "required option '--to <archive>' not specified",
      'export --help',
    ],
    ['no value', ['export', 'x', '--to', '--dry-run'], '--to needs a value', 'export --help'],
    ['an empty archive', ['list', ''], 'the name of an archive is empty', 'name a directory'],
    ['a level', ['export', 'x', '--to', 'y', '--level', '0'], 'from 1 to 22', 'export --help'],
    ['a size', ['export', 'x', '--to', 'y', '--max-part-size', '4X'], 'a size is', 'export --help'],
    [
      'a protocol',
      ['export', 'x', '--to', 'y', '--proto', '3'],
      'allowed choices',
      'export --help',
    ],
    ['too much', ['inspect', 'x', 'y', 'z'], 'too many arguments', 'inspect --help'],
    ['an object store', ['list', 's3://a/b'], 'no place', 's3://bucket/prefix'],
    ['a pipe', ['export', 'x', '--to', '-'], 'a whole archive', 'btrferry copy'],
    ['a tar file', ['export', 'x', '--to', 'x.tar'], 'a whole archive', 'btrferry copy'],
    ['copy to nowhere', ['copy', 'x'], 'the target', 'copy --help'],
    ...['host:x', 'user@host:/x', 'sftp://host/x'].flatMap((place) =>
      [
        ['export', 'x', '--to', place],
        ['import', place, '--dry-run'],
        ['list', place],
        ['verify', place],
      ].map((args): [string, string[], string, string] => [
        `another machine: ${args.join(' ')}`,
        args,
        'names another place',
        `./${place}`,
      ]),
    ),
    ['a mode', ['export', 'x', '--to', 'y', '--mode', '0440'], 'from 0700', 'export --help'],
    ['a mode in letters', ['export', 'x', '--to', 'y', '--mode', 'u=rwx'], 'octal', '--help'],
    ['a file', ['list', program], 'is a file', 'btrferry.json'],
  ])('%s', (_, args, message, hint) => {
    const { exit, stdout, stderr } = btrferrySync(args);
    expect([exit, stdout]).toEqual([2, '']);
    const [first = '', second = '', ...more] = stderr.split('\n');
    expect(first).toMatch(/^error: [^A-Z]/);
    expect(first).toContain(message);
    expect(first).not.toMatch(/\.$/);
    expect(second).toMatch(/^hint: /);
    expect(second).toContain(hint);
    expect(more).toEqual(['']);
  });

  it('in JSON too', () => {
    const { exit, stdout, stderr } = btrferrySync(['list', '--json']);
    expect([exit, stderr]).toEqual([2, '']);
    expect(eventsIn({ stdout })).toMatchObject([
      { type: 'result', command: 'list', exit: 2, failure: { code: 'usage', exit: 2 } },
    ]);
  });
});

describe('results', () => {
  const stream = (...bodies: CommandBody[]) => around(...bodies);

  it('on a pipe hold no escape sequences, and JSON ends in the result', () => {
    const { at, add } = withArchive();
    add('a', identity('1'), null);
    add('b', identity('2'), identity('9'));
    const listed = btrferrySync(['list', at]);
    expect(listed.exit).toBe(0);
    expect(listed.stdout + listed.stderr).not.toMatch(ESCAPE);
    expect(listed.stdout).toContain('└─ b');
    const events = eventsIn(btrferrySync(['list', at, '--json']));
    expect(events.map(({ type }) => type)).toEqual([
      'stream-listed',
      'stream-listed',
      'archive-listed',
      'result',
    ]);
  });

  it('inspect reads stdin', () => {
    const { exit, stdout } = btrferrySync(['inspect', '-'], { input: stream() });
    expect(exit).toBe(0);
    expect(stdout).toMatch(/^stream from stdin\nname +s\nkind +full\n/);
  });

  it('exit with 4 for damage and with 6 for a missing archive', () => {
    const damaged = btrferrySync(['inspect', '-', '--json'], { input: stream().subarray(0, 40) });
    expect(damaged.exit).toBe(4);
    expect(eventsIn(damaged).at(-1)).toMatchObject({
      type: 'result',
      exit: 4,
      failure: { code: 'stream-truncated', where: { offset: 40 } },
    });
    const nowhere = btrferrySync(['list', '/nowhere']);
    expect(nowhere.exit).toBe(6);
    expect(nowhere.stderr).toMatch(/^error: no archive at \/nowhere: .*\nhint: .*\n$/);
  });

  it('names of an archive do nothing to a terminal', () => {
    const { at } = withArchive();
    mkdirSync(path.join(at, 'streams/\x1b[2Jevil.12345678.full'), { recursive: true });
    const { exit, stdout, stderr } = btrferrySync(['list', at]);
    expect(exit).toBe(4);
    expect(stdout).toContain('\\x1b[2Jevil');
    expect(stdout + stderr).not.toMatch(ESCAPE);
  });

  it('do not fail if their reader goes away', () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'btrferry-head-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const file = path.join(directory, 's');
    const mkdirs = Array.from(
      { length: 30_000 },
      (_, at): CommandBody => ({
        type: 'MKDIR',
        path: bytes(`directory ${at}`),
        ino: BigInt(at),
      }),
    );
    writeFileSync(file, stream(...mkdirs));
    const line = `"${process.execPath}" "${program}" inspect "${file}" --commands | head -n 2`;
    const { stdout, stderr } = spawnSync('sh', ['-c', line], { encoding: 'utf8' });
    expect(stdout.split('\n')).toHaveLength(3);
    expect(stderr).toBe('');
  });
});

describe('a full stdout', () => {
  it.each([[], ['--json']])('is an error on stderr (%s)', (...flags) => {
    const { at } = withArchive();
    const line = `"${process.execPath}" "${program}" list "${at}" ${flags.join(' ')} > /dev/full`;
    const { status, stderr } = spawnSync('sh', ['-c', line], { encoding: 'utf8' });
    expect(status).toBe(1);
    expect(stderr).toBe('error: cannot write to stdout: ENOSPC\n');
  });
});

it('a slow reader gets every line', () => {
  const mkdirs = Array.from(
    { length: 20_000 },
    (_, at): CommandBody => ({
      type: 'MKDIR',
      path: bytes(`directory ${at}`),
      ino: BigInt(at),
    }),
  );
  const line = `"${process.execPath}" "${program}" inspect - --commands | (sleep 1; wc -l)`;
  const input = around(...mkdirs);
  const { stdout } = spawnSync('sh', ['-c', line], { input, encoding: 'utf8' });
  // SUBVOL and END, then: stream, name, kind, uuid, protocol, length, data, number, three kinds, whole.
  expect(Number(stdout)).toBe(mkdirs.length + 2 + 12);
});

describe('signals', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('%s ends in 130, and says so', async (signal) => {
    const child = spawn(process.execPath, [program, 'inspect', '-', '--commands'], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    child.stdin.on('error', () => {});
    let stderr = '';
    child.stderr.on('data', (piece) => {
      stderr += piece;
    });
    const whole = around({ type: 'MKDIR', path: bytes('d'), ino: 3n });
    child.stdin.write(whole.subarray(0, whole.length - 5));
    // Its first line tells that it reads, and so that it listens to signals.
    await once(child.stdout, 'data');
    child.kill(signal);
    const [exit] = await once(child, 'close');
    expect(exit).toBe(130);
    expect(stderr).toBe('error: interrupted\n');
  });
});
