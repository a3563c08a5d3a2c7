import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { type Btrfs, describeReal, describeTree, withBtrfs, withDirectory } from '../filesystem.ts';
import { btrferry, eventsIn, fails, program, succeeds } from '../program.ts';

/** Streams of tools that give all snapshots of a subvolume the same name. */

type Made = Record<string, string>;

/** Three snapshots as snapper makes them, by their titles. */
function bySnapper(fs: Btrfs): Made {
  const home = fs.subvolume('home');
  fs.subvolume('home/.snapshots');
  const made: Made = {};
  for (const number of ['1', '2', '3']) {
    writeFileSync(path.join(home, `file ${number}`), `${fs.mount} ${number}`);
    mkdirSync(fs.at(`home/.snapshots/${number}`));
    made[`home.${number}`] = fs.snapshot('home', `home/.snapshots/${number}/snapshot`);
  }
  return made;
}

/** Three of each of two subvolumes, as Timeshift makes them, by their titles. */
function byTimeshift(fs: Btrfs): Made {
  const made: Made = {};
  for (const name of ['@', '@home']) fs.subvolume(name);
  for (const day of ['01', '02', '03']) {
    const date = `2026-11-${day}_10-00-01`;
    const directory = `timeshift-btrfs/snapshots/${date}`;
    mkdirSync(fs.at(directory), { recursive: true });
    for (const name of ['@', '@home']) {
      writeFileSync(fs.at(`${name}/file ${day}`), `${name} ${day}`);
      made[`${name}.${date}`] = fs.snapshot(name, `${directory}/${name}`);
    }
  }
  return made;
}

/** Each received subvolume has its title and the contents of its snapshot. */
function expectArrived(destination: Btrfs, made: Made): void {
  expect(readdirSync(destination.mount).sort()).toEqual(Object.keys(made).sort());
  for (const [title, snapshot] of Object.entries(made)) {
    expect(describeTree(destination.at(title)), title).toEqual(describeTree(snapshot));
  }
}

function titles(streams: unknown): unknown[] {
  return (streams as { title: unknown }[]).map(({ title }) => title);
}

const listed = async (archive: string) =>
  eventsIn(await succeeds('list', archive, '--json')).filter(
    ({ type }) => type === 'stream-listed',
  );

/** Runs the program in a directory. */
function exportFrom(cwd: string, ...args: string[]): void {
  execFileSync(process.execPath, [program, 'export', ...args, '--quiet'], { cwd });
}

describeReal('snapshots of the same name', () => {
  test("snapper's carry their numbers through archive and destination", async () => {
    const [source, destination] = [withBtrfs(), withBtrfs()];
    const archive = path.join(withDirectory(), 'archive');
    const made = bySnapper(source);
    const [one = '', two = '', three = ''] = Object.values(made);
    await succeeds('export', one, '--to', archive);
    exportFrom(path.dirname(two), 'snapshot', '--to', archive);
    exportFrom(three, '.', '--to', archive);

    const directories = readdirSync(path.join(archive, 'streams')).sort();
    expect(directories.map((name) => name.split('.').slice(0, 2).join('.'))).toEqual(
      Object.keys(made),
    );
    const streams = await listed(archive);
    expect(streams).toMatchObject(
      Object.entries(made).map(([title, snapshot]) => ({
        stream: { name: 'snapshot', title },
        path: snapshot,
        host: expect.stringMatching(/./),
      })),
    );
    expect(streams[1]?.parent).toMatchObject({ name: 'home.1' });
    const { source: origin } = JSON.parse(
      readFileSync(path.join(archive, `streams/${directories[1]}/manifest.json`), 'utf8'),
    );
    expect(origin).toMatchObject({
      path: source.at('home/.snapshots/2/snapshot'),
      pathInFilesystem: 'home/.snapshots/2/snapshot',
    });

    const all = ['import', archive, '--into', destination.mount];
    const planned = eventsIn(
      await succeeds(...all, '--json', '--dry-run', '--only', 'snapshot'),
    )[0];
    expect(planned).toMatchObject({ only: [{ word: 'snapshot' }] });
    const only = planned?.only as { streams: unknown }[] | undefined;
    expect(titles(only?.[0]?.streams)).toEqual(Object.keys(made));

    await succeeds(...all, '--only', 'home.2');
    expect(readdirSync(destination.mount).sort()).toEqual(['home.1', 'home.2']);
    const { stderr } = await succeeds(...all);
    expect(stderr).not.toMatch(/warning/);
    expectArrived(destination, made);
    expect((await succeeds(...all)).stdout).toMatch(/^nothing to receive; 3 there already/);
  });

  test("Timeshift's carry their dates", async () => {
    const [source, destination] = [withBtrfs(), withBtrfs()];
    const archive = path.join(withDirectory(), 'archive');
    const made = byTimeshift(source);
    await succeeds('export', ...Object.values(made), '--to', archive);
    expect(titles((await listed(archive)).map(({ stream }) => stream)).sort()).toEqual(
      Object.keys(made).sort(),
    );
    const { stdout } = await succeeds('list', archive);
    expect(
      Math.max(
        ...stdout
          .split('\n')
          .slice(1)
          .map((line) => line.length),
      ),
    ).toBeLessThan(81);
    const all = ['import', archive, '--into', destination.mount];
    await succeeds(...all, '--only', '@home.2026-11-02_10-00-01');
    expect(readdirSync(destination.mount)).toHaveLength(2);
    const { stderr } = await succeeds(...all);
    expect(stderr).not.toMatch(/warning/);
    expectArrived(destination, made);
    expect((await succeeds(...all)).stdout).toMatch(/^nothing to receive; 6 there already/);
  });

  test('keep every byte of the directory that they are exported from', async () => {
    const source = withBtrfs();
    const archive = path.join(withDirectory(), 'archive');
    source.subvolume('home');
    const directory = Buffer.concat([Buffer.from(source.at('2026-11-01')), Buffer.from([0xff])]);
    mkdirSync(directory);
    source.snapshot('home', Buffer.from('2026-11-01\xff/one', 'latin1'));
    // A directory of such a name can only be entered by what takes bytes.
    const enter = 'cd "$0"*; exec "$@"';
    const run = [process.execPath, program, 'export', 'one', '--to', archive, '--quiet'];
    execFileSync('bash', ['-c', enter, source.at('2026-11-01'), ...run]);
    const [stream] = await listed(archive);
    expect(stream).toMatchObject({
      path: { base64: Buffer.concat([directory, Buffer.from('/one')]).toString('base64') },
      stream: { title: { base64: Buffer.from('one.2026-11-01\xff', 'latin1').toString('base64') } },
    });
  });

  test('of two machines on one drive are distinguished by their UUIDs', async () => {
    const [alpha, beta, destination] = [withBtrfs(), withBtrfs(), withBtrfs()];
    const archive = path.join(withDirectory(), 'archive');
    const made = [bySnapper(alpha), bySnapper(beta)];
    for (const each of made) await succeeds('export', ...Object.values(each), '--to', archive);
    const streams = (await listed(archive)).map(({ stream }) => stream as Record<string, string>);
    expect(streams).toHaveLength(6);
    for (const stream of streams) expect(stream.ambiguous).toBe(true);

    const all = ['import', archive, '--into', destination.mount];
    const ran = await succeeds(...all);
    expect(ran.stderr.match(/^warning: /gm)).toHaveLength(1);
    for (const { title = '', uuid = '' } of streams) {
      const name = `${title}.${uuid.slice(0, 8)}`;
      expect(ran.stderr).toContain(`${title} ${uuid.slice(0, 8)}`);
      const snapshot = made.map((each) => each[title] ?? '').find((at) => uuidOf(at) === uuid);
      expect(describeTree(destination.at(name))).toEqual(describeTree(snapshot ?? ''));
    }
    expect((await succeeds(...all)).stdout).toMatch(/^nothing to receive; 6 there already/);
  });

  test('get the names that a template makes, or nothing is received', async () => {
    const [source, destination] = [withBtrfs(), withBtrfs()];
    const archive = path.join(withDirectory(), 'archive');
    const made = bySnapper(source);
    await succeeds('export', ...Object.values(made), '--to', archive);
    const [first] = await listed(archive);
    const all = ['import', archive, '--into', destination.mount, '--name'];
    for (const template of ['{title}/{name}', '{number}', '', '..']) {
      const hint = /^(it knows \{name\}|give another template)/;
      await fails([...all, template], { exit: 2, code: 'usage', hint });
    }
    expect(readdirSync(destination.mount)).toEqual([]);
    await succeeds(...all, '{host}-{title}');
    const received = Object.keys(made).map((title) => `${first?.host}-${title}`);
    expect(readdirSync(destination.mount).sort()).toEqual(received);
    expect((await btrferry(...all, '{title}')).stdout).toMatch(/^nothing to receive/);
  });
});

function uuidOf(subvolume: string): string | undefined {
  const shown = execFileSync('btrfs', ['subvolume', 'show', subvolume]).toString();
  return /^\s*UUID:\s*(\S+)$/m.exec(shown)?.[1];
}
