import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
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
import { begin, eventsIn, fails, succeeds } from '../program.ts';
import { expectEqual, makeLargeSource, small } from './spanned.ts';

let source: Btrfs;
let snapshots: string[] = [];

beforeAll(() => {
  ({ source, snapshots } = makeLargeSource());
});
afterAll(() => source?.remove());

const toAll = (drives: readonly string[]) => drives.flatMap((drive) => ['--to', drive]);

/** Imports all, and verifies the drives together. */
async function expectImportable(drives: readonly string[]): Promise<void> {
  const destination = withBtrfs();
  await succeeds('import', ...drives, '--into', destination.mount);
  expectEqual(snapshots, destination);
  destination.remove();
  await succeeds('verify', ...drives);
}

/** Moves each part of the spread stream to the next drive that has room, as someone might by hand. */
function shuffle(drives: readonly string[]): void {
  const spare = withDirectory();
  const parts = drives.map((drive) => {
    const [stream = ''] = readdirSync(path.join(drive, 'streams')).filter((name) =>
      name.startsWith('two.'),
    );
    const directory = path.join(drive, 'streams', stream);
    const own = readdirSync(directory).filter((name) => name.endsWith('.btrfs.zst'));
    for (const name of own) {
      cpSync(path.join(directory, name), path.join(spare, name));
      rmSync(path.join(directory, name));
    }
    return { directory, own };
  });
  for (const [at, { directory }] of parts.entries()) {
    for (const name of parts[(at + 1) % parts.length]?.own ?? []) {
      cpSync(path.join(spare, name), path.join(directory, name));
    }
  }
}

/** The documents of the streams on a drive, with their directories. */
function documentsOn(drive: string): string[] {
  const streams = path.join(drive, 'streams');
  if (!existsSync(streams)) return [];
  return readdirSync(streams).flatMap((stream) =>
    readdirSync(path.join(streams, stream))
      .filter((file) => file.endsWith('.json'))
      .map((file) => `${stream.split('.')[0]} ${file}`),
  );
}

/** Receives the streams by hand: the parts of each from all drives, in order. */
function expectReceivable(drives: readonly string[]): void {
  const destination = withBtrfs();
  for (const snapshot of snapshots) {
    const name = path.basename(snapshot);
    const script = `
      set -euo pipefail
      for drive in "\${@:3}"; do
        for sums in "$drive"/streams/$1.*/SHA256SUMS; do
          if [ -e "$sums" ]; then (cd "$(dirname "$sums")" && sha256sum --quiet -c SHA256SUMS); fi
        done
      done
      for file in $(for d in "\${@:3}"; do echo "$d"/streams/$1.*/*.btrfs.zst; done |
        tr ' ' '\\n' | grep -v '[*]' | awk -F/ '{print $NF, $0}' | sort | cut -d' ' -f2); do cat "$file"; done |
        zstd -d | btrfs receive -q "$2"`;
    execFileSync('bash', ['-c', script, 'bash', name, destination.mount, ...drives]);
    expect(describeTree(destination.at(name))).toEqual(describeTree(snapshot));
  }
}

describeReal('an export to several media in turn', () => {
  test('spreads a stream, and says on each which medium follows', async () => {
    const drives = [withExt4(small), withExt4(small), withExt4(small)].map(({ mount }) => mount);
    const command = ['export', ...snapshots, '--span', ...toAll(drives), '--label', 'usb'];
    const told = eventsIn(await succeeds(...command, '--json'));
    expect(told.filter(({ type }) => type === 'medium-full')).toMatchObject([
      { archive: drives[0], label: 'usb 1', next: drives[1] },
      { archive: drives[1], label: 'usb 2', next: drives[2] },
    ]);
    expect(drives.map(documentsOn)).toEqual([
      ['one manifest.json', 'two segment.json'],
      ['two segment.json'],
      ['three manifest.json', 'two manifest.json'],
    ]);
    const [directory = ''] = readdirSync(path.join(drives[1] ?? '', 'streams'));
    const read = (drive: number, file: string) =>
      JSON.parse(readFileSync(path.join(drives[drive] ?? '', 'streams', directory, file), 'utf8'));
    const [first, second, last] = [
      read(0, 'segment.json'),
      read(1, 'segment.json'),
      read(2, 'manifest.json'),
    ];
    const header = (drive: number) =>
      JSON.parse(readFileSync(path.join(drives[drive] ?? '', 'btrferry.json'), 'utf8'));
    expect(first.span).toEqual({ number: 1, next: { id: header(1).id, label: 'usb 2' } });
    expect(second.span).toEqual({ number: 2, next: { id: header(2).id, label: 'usb 3' } });
    expect(last.features).toEqual(['spanned']);
    expect(last.parts.map(({ medium }: { medium?: { label: string } }) => medium?.label)).toEqual([
      'usb 1',
      'usb 2',
      undefined,
    ]);
    expectReceivable(drives);
    expect(eventsIn(await succeeds(...command, '--json')).at(-1)).toMatchObject({
      done: 0,
      skipped: 3,
    });
  });

  test('ends with what is missing, and continues on a further medium without the earlier ones', async () => {
    const drives = [withExt4(small), withExt4(small), withExt4(small)].map(({ mount }) => mount);
    const [a = '', b = '', c = ''] = drives;
    const given = snapshots.slice(0, 2);
    await fails(['export', ...given, '--span', '--to', a, '--label', 'usb'], {
      exit: 6,
      code: 'no-space',
      where: { archive: a },
      hint: '--to',
    });
    const [, two = ''] = snapshots;
    await fails(['export', two, '--span', ...toAll([a, b])], { exit: 6, code: 'no-space' });
    await succeeds('export', two, '--span', ...toAll([b, c]));
    expect(documentsOn(c)).toEqual(['two manifest.json']);
    expect(JSON.parse(readFileSync(path.join(c, 'btrferry.json'), 'utf8')).label).toBe('usb 3');
    await succeeds('export', ...snapshots, '--span', ...toAll(drives));
    expectReceivable(drives);
  });

  test('continues after a kill on each medium', async () => {
    const drives = [withExt4(small), withExt4(small), withExt4(small)].map(({ mount }) => mount);
    const command = ['export', ...snapshots, '--span', ...toAll(drives)];
    for (const drive of drives) {
      const running = begin(command);
      const stop = setInterval(() => {
        const streams = path.join(drive, 'streams');
        const draft = existsSync(streams)
          ? readdirSync(streams).find((name) => name.startsWith('.incoming-two'))
          : undefined;
        const journal = draft && path.join(streams, draft, 'journal');
        if (!journal || !existsSync(journal)) return;
        if (readFileSync(journal, 'utf8').split('\n').length > 4) running.child.kill('SIGKILL');
      }, 2);
      const { signal } = await running.ended;
      clearInterval(stop);
      expect(signal).toBe('SIGKILL');
    }
    const told = eventsIn(await succeeds(...command, '--json'));
    const done = told.find(({ type }) => type === 'stream-done');
    expect(done?.reusedFrames).toBeGreaterThan(20);
    expectReceivable(drives);
    await expectImportable(drives.toReversed());
    shuffle(drives);
    await expectImportable(drives);
  });

  test('refuses a beginning that btrfs send does not write again', async () => {
    const drives = [withExt4(small), withExt4(small), withExt4(small)].map(({ mount }) => mount);
    const [a = '', b = ''] = drives;
    const [, two = ''] = snapshots;
    await fails(['export', two, '--span', '--to', a], { exit: 6, code: 'no-space' });
    await fails(['export', two, '--proto', '2', '--span', ...toAll([a, b])], {
      exit: 1,
      code: 'archive-conflict',
      hint: '--proto 1',
    });
  });

  test('takes directories on different filesystems only', async () => {
    const [one = ''] = snapshots;
    const usage = { exit: 2, code: 'usage' } as const;
    await fails(['export', one, '--span', '--to', 's3://bucket/x'], usage);
    const here = withDirectory();
    const [a, b] = ['a', 'b'].map((name) => path.join(here, name));
    mkdirSync(a ?? '');
    await fails(['export', one, '--span', '--to', a ?? '', '--to', b ?? ''], usage);
  });
});

describeReal('an unfinished stream', () => {
  test('that holds the room is named, and removed when told', async () => {
    const drive = withExt4(small);
    const [one = '', two = '', three = ''] = snapshots;
    const archive = path.join(drive.mount, 'archive');
    await fails(['export', two, '--to', archive], { exit: 6, code: 'no-space' });
    const complaint = {
      exit: 6,
      code: 'no-space',
      hint: `btrferry export --discard --to ${archive}`,
    } as const;
    await fails(['export', three, '--parent', 'none', '--to', archive], complaint);
    const drafts = () =>
      readdirSync(path.join(archive, 'streams')).filter((name) => name.startsWith('.incoming-'));
    const before = drafts();
    expect(before.length).toBeGreaterThan(0);
    await succeeds('export', '--discard', '--to', archive, '--dry-run');
    expect(drafts()).toEqual(before);
    const told = eventsIn(await succeeds('export', one, '--discard', '--to', archive, '--json'));
    expect(told.filter(({ type }) => type === 'draft-discarded')).toHaveLength(before.length);
    expect(drafts()).toEqual([]);
    await succeeds('verify', archive);
    rmSync(archive, { recursive: true });
  });
});
