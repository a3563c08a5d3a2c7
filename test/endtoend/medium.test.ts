import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type Btrfs,
  describeReal,
  describeTree,
  withBtrfs,
  withDirectory,
  withExt4,
} from '../filesystem.ts';
import {
  begin,
  btrferry,
  type Complaint,
  eventsIn,
  expectComplaint,
  fails,
  program,
  succeeds,
} from '../program.ts';
import { withDrive } from './drive.ts';

let source: Btrfs;
let [first, second] = ['', ''];

beforeAll(() => {
  source = withBtrfs();
  source.subvolume('home');
  writeFileSync(source.at('home/file'), Buffer.alloc(3_000_000, 'text'));
  first = source.snapshot('home', 'home.1');
  writeFileSync(source.at('home/file'), 'other');
  second = source.snapshot('home', 'home.2');
});
afterAll(() => source?.remove());

/** In a mount namespace of its own, made by these commands. */
function aside(commands: string, ...args: string[]) {
  const script = `set -e; ${commands}; exec "$@"`;
  const node = [process.execPath, program, ...args, '--json'];
  const ran = spawnSync('unshare', ['--mount', 'bash', '-c', script, 'bash', ...node]);
  const told = eventsIn({ stdout: String(ran.stdout) });
  return { exit: ran.status, code: (told.at(-1)?.failure as { code?: string })?.code };
}

describeReal('the target of an export', () => {
  const refused: Complaint = { exit: 6, code: 'archive-unfit', hint: '--create' };

  test('is a medium that is present, unless --create is given', async () => {
    const memory = path.join(withDirectory(), 'memory');
    mkdirSync(memory);
    execFileSync('mount', ['-t', 'tmpfs', 'none', memory]);
    const archive = path.join(memory, 'archive');
    const command = ['export', first, '--to', archive];
    await fails(command, { ...refused, where: { path: archive } });
    await fails([...command, '--dry-run'], { ...refused, where: { path: archive } });
    expect(readdirSync(memory)).toEqual([]);
    await succeeds(...command, '--create');
    // It is meant each time.
    await fails(['export', second, '--to', archive], refused);
    await succeeds('verify', archive);
  });

  test('is not an empty mount point', async () => {
    const unfit = { exit: 6, code: 'archive-unfit' };
    const run = 'mount -t tmpfs none /run; mkdir -p /run/media/me/usb';
    for (const more of [[], ['--dry-run']]) {
      const to = (place: string) => ['export', first, '--to', place, ...more];
      expect(aside('mount --bind / /mnt', ...to('/mnt/btrferry-test'))).toEqual(unfit);
      expect(aside(run, ...to('/run/media/me/usb'))).toEqual(unfit);
    }
    expect(existsSync('/mnt/btrferry-test')).toBe(false);
    const archive = path.join(withDirectory(), 'archive');
    await succeeds('export', first, '--to', archive);
    expect(aside('mount --bind / /mnt', 'import', archive, '--into', '/mnt/tmp')).toEqual({
      exit: 6,
      code: 'destination-unfit',
    });
  });

  test('is skipped if it is one of several', async () => {
    const memory = path.join(withDirectory(), 'memory');
    mkdirSync(memory);
    execFileSync('mount', ['-t', 'tmpfs', 'none', memory]);
    const archive = path.join(withDirectory(), 'archive');
    const command = ['export', first, '--to', memory, '--to', archive, '--json'];
    for (const more of [['--dry-run'], []]) {
      const ran = await btrferry(...command, ...more);
      expect(ran.exit).toBe(3);
      expect(eventsIn(ran).find(({ type }) => type === 'archive-failed')).toMatchObject({
        archive: memory,
        failure: { code: 'archive-unfit' },
      });
    }
    expect(readdirSync(path.join(archive, 'streams'))).toHaveLength(1);
    expect(readdirSync(memory)).toEqual([]);
  });

  test('is not a block device, for any command', async () => {
    const { device } = source;
    const complaint: Complaint = { exit: 6, code: 'archive-unfit', where: { archive: device } };
    await fails(['export', first, '--to', device], complaint);
    await fails(['import', device, '--into', source.mount], complaint);
    await fails(['list', device], complaint);
    await fails(['verify', device], complaint);
  });

  test('is neither in an exported snapshot nor in its original', async () => {
    source.subvolume('other');
    source.subvolume('home/below');
    const before = describeTree(source.at('home'));
    const inside: Complaint = { exit: 6, code: 'archive-unfit' };
    for (const place of ['home/archive', 'home.1', 'home.1/archive']) {
      for (const more of [[], ['--create'], ['--dry-run']]) {
        await fails(['export', first, '--to', source.at(place), ...more], {
          ...inside,
          where: { path: source.at(place) },
        });
      }
    }
    expect(describeTree(source.at('home'))).toEqual(before);
    for (const place of ['archive', 'other/archive', 'home/below/archive']) {
      const told = eventsIn(await succeeds('export', first, '--to', source.at(place), '--json'));
      expect(told[0]).toMatchObject({ type: 'warning', code: 'same-filesystem' });
    }
    const elsewhere = await succeeds('export', first, '--to', withExt4().mount, '--json');
    expect(eventsIn(elsewhere).filter(({ type }) => type === 'warning')).toEqual([]);
  });

  test('must be an archive already with --require-archive', async () => {
    const archive = path.join(withDirectory(), 'archive');
    const command = ['export', first, '--require-archive', '--to', archive];
    const missing: Complaint = {
      exit: 6,
      code: 'not-an-archive',
      where: { archive },
      hint: '--require-archive',
    };
    await fails(command, missing);
    await fails([...command, '--dry-run'], missing);
    mkdirSync(archive);
    await fails(command, missing);
    expect(readdirSync(archive)).toEqual([]);
    await succeeds('export', second, '--to', archive);
    await succeeds(...command);
    expect(readdirSync(path.join(archive, 'streams'))).toHaveLength(2);
  });

  test('takes one word of the command line, in any place', async () => {
    const [here, there] = [withDirectory(), withDirectory()];
    await succeeds('export', '--to', here, first, '--to', there, second);
    for (const archive of [here, there]) {
      expect(readdirSync(path.join(archive, 'streams'))).toHaveLength(2);
    }
    const destination = withBtrfs();
    await succeeds('import', '--only', 'home.1', here, '--into', destination.mount);
    expect(readdirSync(destination.mount)).toEqual(['home.1']);
  });
});

describeReal('an archive', () => {
  test('is private, which is not reported as damage, and can be shared', async () => {
    const archive = path.join(withDirectory(), 'archive');
    chmodSync(path.dirname(archive), 0o755);
    await succeeds('export', first, '--to', archive);
    const readable = execFileSync('find', [archive, '-perm', '/077'], { encoding: 'utf8' });
    expect(readable).toBe('');
    const other = { uid: 65534 };
    const needsRoot: Complaint = { exit: 6, code: 'not-root', hint: 'sudo' };
    const commands = [
      ['list', archive],
      ['verify', archive],
      ['verify', '--quick', archive],
      ['import', archive, '--dry-run'],
    ];
    for (const command of commands) {
      expectComplaint(await begin([...command, '--json'], other).ended, needsRoot);
    }
    // Nor is one whose parts alone are private.
    execFileSync('chmod', ['-R', 'go+rX', archive]);
    execFileSync('find', [archive, '-name', '*.zst', '-exec', 'chmod', '600', '{}', '+']);
    for (const command of commands.slice(1, 3)) {
      expectComplaint(await begin([...command, '--json'], other).ended, needsRoot);
    }
    execFileSync('chmod', ['-R', 'go+rX', archive]);
    await succeeds('export', second, '--to', archive);
    for (const command of commands) {
      expect(await begin(command, other).ended).toMatchObject({ exit: 0 });
    }
  });

  test('has the mode of --mode', async () => {
    const archive = path.join(withDirectory(), 'archive');
    await succeeds('export', first, '--to', archive, '--mode', '0750');
    await succeeds('export', second, '--to', archive);
    const destination = withBtrfs();
    await succeeds('import', archive, '--into', destination.mount);
    const odd = [
      '(',
      '-type',
      'd',
      '!',
      '-perm',
      '750',
      ')',
      '-o',
      '-type',
      'f',
      '!',
      '-perm',
      '640',
    ];
    expect(execFileSync('find', [archive, ...odd], { encoding: 'utf8' })).toBe('');
    expect(readdirSync(path.join(archive, 'receipts'))).toHaveLength(1);
  });

  test('needs no modes', async (context) => {
    const drive = withDrive();
    if (drive === undefined) return context.skip();
    await succeeds('export', first, '--to', drive.mount, '--mode', '0750');
    await succeeds('export', second, '--to', drive.mount);
    await succeeds('verify', drive.mount);
    expect(readdirSync(drive.mount)).toContain('README.txt');
  });

  test('is restored by the commands that its README.txt gives', async () => {
    const drive = withExt4();
    await succeeds('export', first, second, '--to', drive.mount);
    const text = readFileSync(path.join(drive.mount, 'README.txt'), 'utf8');
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThan(80);
    const commands = [...text.matchAll(/^ {4}((?:cd|sha256sum|cat|btrfs) .*)$/gm)];
    expect(commands).toHaveLength(4);
    const script = ['set -euo pipefail', ...commands.map(([, command]) => command)].join('\n');
    const destination = withBtrfs();
    const streams = path.join(drive.mount, 'streams');
    for (const [name, end] of [
      ['home.1', '.full'],
      ['home.2', '.from-'],
    ] as const) {
      const stream = readdirSync(streams).find((each) => each.includes(end)) ?? '';
      const into = destination.at(`into ${name}`);
      mkdirSync(into);
      const env = { STREAM: path.join(streams, stream), TO: into };
      const shown = execFileSync('bash', ['-c', script], {
        env: { PATH: process.env.PATH, ...env },
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      expect(shown).toMatch(/: OK$/m);
      const [, id] = /\.([0-9a-f]{8})\.(?:full|from-)/.exec(stream) ?? [];
      expect(shown).toMatch(new RegExp(`^\\s*Received UUID:\\s*${id}[0-9a-f-]{28}$`, 'm'));
      expect(shown).toMatch(/^\s*Flags:.*readonly/m);
      expect(describeTree(path.join(into, name))).toEqual(describeTree(source.at(name)));
    }
  });

  test('gets a README.txt only if there is none', async () => {
    const drive = withExt4();
    writeFileSync(path.join(drive.mount, 'readme.TXT'), 'of someone else');
    await succeeds('export', first, '--to', drive.mount);
    expect(readdirSync(drive.mount).filter((name) => /^readme/i.test(name))).toEqual([
      'readme.TXT',
    ]);
    // It is never read, and missed by nobody.
    const archive = withDirectory();
    await succeeds('export', first, '--to', archive);
    writeFileSync(path.join(archive, 'README.txt'), 'scribbled');
    await succeeds('verify', archive);
    await succeeds('export', second, '--to', archive);
    expect(readFileSync(path.join(archive, 'README.txt'), 'utf8')).toBe('scribbled');
  });
});

describeReal('an import', () => {
  test('leaves nothing in /run', async () => {
    const archive = withDirectory();
    await succeeds('export', first, '--to', archive);
    const destination = withBtrfs();
    const show = ['filesystem', 'show', destination.mount];
    const shown = execFileSync('btrfs', show, { encoding: 'utf8' });
    const uuid = /uuid: (\S+)/.exec(shown)?.[1] ?? 'none';
    await succeeds('import', archive, '--into', destination.mount);
    expect(readdirSync('/run').filter((name) => name.includes(uuid))).toEqual([]);
  });
});
