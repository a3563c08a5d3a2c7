import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { seeded } from '../faults/random.ts';
import { type Btrfs, describeReal, withBtrfs } from '../filesystem.ts';
import { btrferry, eventsIn, resultOf, succeeds } from '../program.ts';
import { type Chainlet, copyOf, expectArrived, fresh, inStream, makeChainlet } from './chainlet.ts';

describeReal('several damaged copies of a stream', () => {
  let chain: Chainlet;
  /** The stream `two` in other parts, and at another level. */
  let otherSplit: string;

  beforeAll(async () => {
    chain = await makeChainlet();
    otherSplit = fresh('other');
    const more = ['--max-part-size', '3M', '--level', '1'];
    await succeeds('export', ...chain.snapshots, '--to', otherSplit, ...more);
  });
  afterAll(() => chain?.source.remove());

  /** Where each frame of a part begins, and where the last one ends. */
  function framesOf(part: string): number[] {
    const bytes = readFileSync(part);
    const count = bytes.readUInt32LE(bytes.length - 9);
    const table = bytes.length - 9 - 12 * count;
    const starts = [0];
    for (let at = 0; at < count; at++) {
      starts.push((starts[at] as number) + bytes.readUInt32LE(table + 12 * at));
    }
    return starts;
  }

  /** Changes a byte in the middle of a frame. */
  function spoilFrame(archive: string, frame: number, file = '0001.btrfs.zst'): void {
    const part = inStream(archive, 'two', file);
    const starts = framesOf(part);
    const at = ((starts[frame] as number) + (starts[frame + 1] as number)) >> 1;
    const bytes = readFileSync(part);
    bytes[at] = (bytes[at] as number) ^ 1;
    writeFileSync(part, bytes);
  }

  async function arrives(archives: readonly string[]): Promise<Btrfs> {
    const destination = withBtrfs();
    const ran = await btrferry('import', ...archives, '--into', destination.mount, '--json');
    expect(ran.exit, ran.stderr).toBe(0);
    expectArrived(chain, destination);
    return destination;
  }

  test('restore it together, frame by frame, in the same parts', async () => {
    const [a, b] = [copyOf(chain.archive), copyOf(chain.archive)];
    spoilFrame(a, 0);
    spoilFrame(a, 2);
    spoilFrame(b, 1);
    const destination = withBtrfs();
    const ran = await btrferry('import', a, b, '--into', destination.mount, '--json');
    expect(ran.exit, ran.stderr).toBe(0);
    expectArrived(chain, destination);
    const taken = eventsIn(ran).filter(({ type }) => type === 'frame-taken');
    expect(taken).toMatchObject([
      { offset: 0, archive: b, failure: { code: 'frame-damaged', where: { archive: a } } },
      { offset: 2097152, archive: a, failure: { code: 'frame-damaged', where: { archive: b } } },
      { offset: 2 * 2097152, archive: b, failure: { code: 'frame-damaged' } },
    ]);
    destination.remove();
  });

  test('are each reported as damaged, and counted as restorable together', async () => {
    const [a, b] = [copyOf(chain.archive), copyOf(chain.archive)];
    spoilFrame(a, 0);
    spoilFrame(b, 1);
    const ran = await btrferry('verify', a, b, '--json');
    expect(resultOf(ran.stdout)).toMatchObject({ exit: 4, streams: 3, restorable: 3 });
    const alone = await btrferry('verify', a, '--json');
    expect(resultOf(alone.stdout)).toMatchObject({ exit: 4, streams: 3, restorable: 1 });
  });

  test('restore it together in other parts, with parts missing, cut short or without a table', async () => {
    const [a, b] = [copyOf(chain.archive), copyOf(otherSplit)];
    spoilFrame(a, 1);
    rmSync(inStream(b, 'two', '0001.btrfs.zst'));
    (await arrives([a, b])).remove();
    spoilFrame(b, 0, '0002.btrfs.zst');
    const part = inStream(a, 'two', '0001.btrfs.zst');
    truncateSync(part, readFileSync(part).length - 1);
    const destination = withBtrfs();
    const ran = await btrferry('import', a, b, '--into', destination.mount, '--json');
    expect(ran.exit).toBe(4);
    destination.remove();
  });

  test('are copied as one whole, which then stands alone', async () => {
    const [a, b, c] = [copyOf(chain.archive), copyOf(chain.archive), copyOf(otherSplit)];
    spoilFrame(a, 0);
    spoilFrame(b, 1);
    const same = fresh('same');
    const ran = await btrferry('copy', a, b, same, '--json');
    expect(ran.exit, ran.stderr).toBe(0);
    const taken = eventsIn(ran).filter(({ type }) => type === 'frame-taken');
    expect(taken).toMatchObject([
      { offset: 0, archive: b },
      { offset: 2097152, archive: a },
    ]);
    // Frames that are equal in all copies give the same parts again.
    const sums = (archive: string) => readFileSync(inStream(archive, 'two', 'SHA256SUMS'), 'utf8');
    expect(sums(same)).toBe(sums(chain.archive));
    execFileSync('sha256sum', ['-c', '--quiet', 'SHA256SUMS'], { cwd: inStream(same, 'two') });
    // Another level: from a, whose first frame the other has; and into the target, with its own frames.
    spoilFrame(c, 0, '0002.btrfs.zst');
    const mixed = fresh('mixed');
    await succeeds('copy', a, c, mixed);
    await succeeds('verify', mixed);
    (await arrives([mixed])).remove();
    await succeeds('copy', a, c);
    await succeeds('verify', c);
    (await arrives([c])).remove();
  });

  test('are copied if and only if each frame is good somewhere', async () => {
    const random = seeded(11);
    for (let round = 0; round < 8; round++) {
      const copies = [0, 1, 2].slice(0, 2 + (round % 2)).map(() => copyOf(chain.archive));
      const good = [0, 1, 2].map(
        (frame) =>
          copies.filter((archive) => {
            if (random.next() < 0.5) return true;
            spoilFrame(archive, frame);
            return false;
          }).length > 0,
      );
      const target = fresh();
      const ran = await btrferry('copy', ...copies, target, '--json');
      expect(ran.exit, `${good}: ${ran.stderr}`).toBe(good.every(Boolean) ? 0 : 4);
      // Nothing is published that is not whole: at most, what builds on `two` lacks its parent.
      const verified = await btrferry('verify', target);
      expect(verified.exit, verified.stderr).toBe(good.every(Boolean) ? 0 : 5);
      for (const archive of [...copies, target]) execFileSync('rm', ['-r', path.dirname(archive)]);
    }
  });

  test('restore it if and only if each frame is good somewhere', async () => {
    const random = seeded(7);
    for (let round = 0; round < 6; round++) {
      const copies = [0, 1, 2].slice(0, 2 + (round % 2)).map(() => copyOf(chain.archive));
      const good = [0, 1, 2].map((frame) => {
        const whole = copies.filter((archive) => {
          if (random.next() < 0.4) return true;
          spoilFrame(archive, frame);
          return false;
        });
        return whole.length > 0;
      });
      const destination = withBtrfs();
      const ran = await btrferry('import', ...copies, '--into', destination.mount, '--json');
      const restored = ran.exit === 0;
      expect(restored, `${good}: ${ran.stderr}`).toBe(good.every(Boolean));
      if (restored) expectArrived(chain, destination);
      destination.remove();
      for (const archive of copies) execFileSync('rm', ['-r', path.dirname(archive)]);
    }
  });
});
