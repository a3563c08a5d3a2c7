import { randomBytes } from 'node:crypto';
import { appendFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { describeReal, withBtrfs, withDirectory, withExt4 } from '../../filesystem.ts';
import { btrferrySync, eventsIn } from '../../program.ts';

const MiB = 1024 ** 2;
const streamsOf = (archive: string) =>
  readdirSync(join(archive, 'streams')).filter((name) => !name.startsWith('.'));
const quiet = (...args: string[]) => btrferrySync([...args, '--quiet']);

describeReal('export to several archives', () => {
  test('sends once, and each archive gets what it lacks', () => {
    const fs = withBtrfs();
    const origin = fs.subvolume('origin');
    writeFileSync(join(origin, 'file'), randomBytes(3 * MiB));
    const [first, second] = [fs.snapshot('origin', 's1'), fs.snapshot('origin', 's2')];
    const [a, b] = [withDirectory(), withDirectory()];
    expect(quiet('export', first, '--to', a).exit).toBe(0);
    expect(quiet('export', first, second, '--to', a, '--to', b).exit).toBe(0);
    expect(streamsOf(a)).toEqual(streamsOf(b));
    expect(streamsOf(a)).toHaveLength(2);
    expect(quiet('verify', a).exit).toBe(0);
    expect(quiet('verify', b).exit).toBe(0);
    expect(quiet('export', first, '--to', a, '--to', a).exit).not.toBe(0);
  });

  test('a full drive is given up, the other one continues, and the first catches up later', () => {
    const fs = withBtrfs();
    const origin = fs.subvolume('origin');
    writeFileSync(join(origin, 'file'), randomBytes(40 * MiB));
    const first = fs.snapshot('origin', 's1');
    appendFileSync(join(origin, 'file'), 'more');
    const second = fs.snapshot('origin', 's2');
    const drive = withExt4({ size: 80 * MiB });
    const filler = join(drive.mount, 'filler');
    writeFileSync(filler, Buffer.alloc(40 * MiB));
    const [full, large] = [join(drive.mount, 'archive'), withDirectory()];

    const ran = btrferrySync(['export', first, second, '--to', full, '--to', large, '--json']);
    expect(ran.exit).toBe(3);
    const events = eventsIn(ran);
    expect(events.find(({ type }) => type === 'archive-failed')).toMatchObject({
      archive: full,
      failure: { code: 'no-space' },
    });
    expect(events.at(-1)).toMatchObject({ type: 'result', exit: 3, done: 2, refused: 1 });
    expect(streamsOf(large)).toHaveLength(2);
    expect(streamsOf(full)).toEqual([]);
    expect(quiet('verify', large).exit).toBe(0);

    rmSync(filler);
    const again = btrferrySync(['export', first, second, '--to', full, '--to', large, '--json']);
    expect(again.exit).toBe(0);
    const done = eventsIn(again).find(({ type }) => type === 'stream-done');
    expect(Number(done?.reusedFrames)).toBeGreaterThan(5);
    expect(streamsOf(full)).toHaveLength(2);
    expect(quiet('verify', full).exit).toBe(0);
  });

  test('--parent best takes the smaller stream over the nearer snapshot', () => {
    const fs = withBtrfs();
    const origin = fs.subvolume('origin');
    writeFileSync(join(origin, 'file'), randomBytes(4 * MiB));
    const first = fs.snapshot('origin', 's1');
    writeFileSync(join(origin, 'file'), randomBytes(4 * MiB));
    const second = fs.snapshot('origin', 's2');
    const archive = withDirectory();
    expect(quiet('export', first, second, '--to', archive).exit).toBe(0);

    // A snapshot of the older state: nearest in age is s2, smallest is the way from s1.
    fs.snapshot('s1', 'rollback', { writable: true });
    writeFileSync(fs.at('rollback/note'), 'small');
    const now = fs.snapshot('rollback', 's3');
    const plan = (parent: string) => {
      const ran = btrferrySync([
        'export',
        now,
        '--to',
        archive,
        '--parent',
        parent,
        '--dry-run',
        '--json',
      ]);
      const planned = eventsIn(ran).find(({ type }) => type === 'export-planned');
      const [step] = (planned?.steps ?? []) as { parent: { name: string } }[];
      return step?.parent.name;
    };
    expect(plan('auto')).toBe('s2');
    expect(plan('best')).toBe('s1');
  });
});
