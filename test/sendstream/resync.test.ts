import { describe, expect, it } from 'vitest';
import type { CommandBody } from '../../src/sendstream/commands.ts';
import { Resync } from '../../src/sendstream/resync.ts';
import { encodeCommand, encodeHeader } from '../../src/sendstream/writer.ts';
import { type Random, seeded } from '../faults/random.ts';

const uuid = '11111111-2222-3333-4444-555555555555';
const subvol: CommandBody = { type: 'SUBVOL', path: Buffer.from('s'), uuid, ctransid: 7n };

/** Commands that an enemy would like to have replayed. */
function embedded(random: Random, version: 1 | 2): Buffer {
  const path = Buffer.from('enemy');
  const unlink = encodeCommand({ type: 'UNLINK', path }, version);
  const all: Uint8Array[] = [];
  if (random.below(2) === 0) {
    all.push(encodeHeader(version), encodeCommand(subvol, version));
  }
  for (let left = random.below(400); left > 0; left--) {
    const data = Buffer.alloc(random.below(300), random.below(256));
    const write = { type: 'WRITE', path, fileOffset: 0n, data } as const;
    all.push(random.below(3) === 0 ? unlink : encodeCommand(write, version));
  }
  if (random.below(3) === 0) all.push(encodeCommand({ type: 'END' }, version));
  const noise = Buffer.alloc(random.pick([0, 0, random.below(500)]), 1);
  return Buffer.concat([noise, ...all]).subarray(0, 48 * 1024);
}

/** A stream, half of whose data is other streams that end just where their commands do. */
function streamOf(random: Random, version: 1 | 2): { stream: Buffer; starts: Set<string> } {
  const commands = [encodeCommand(subvol, version)];
  for (let left = 200; left > 0; left--) {
    const path = Buffer.from(`own-${left}`);
    const fileOffset = BigInt(random.below(1e9));
    const data =
      random.below(2) === 0 ? embedded(random, version) : Buffer.alloc(random.below(2000), left);
    commands.push(encodeCommand({ type: 'WRITE', path, fileOffset, data }, version));
    if (random.below(3) === 0) {
      commands.push(encodeCommand({ type: 'CHMOD', path, mode: 0o644n }, version));
    }
  }
  commands.push(encodeCommand({ type: 'END' }, version));
  const starts = new Set<string>();
  let at = 17;
  for (const { length } of commands) {
    starts.add(`${at} ${at + length}`);
    at += length;
  }
  return { stream: Buffer.concat([encodeHeader(version), ...commands]), starts };
}

/** Reads a stream with these gaps: each range with its kind. */
function read(stream: Buffer, gaps: [number, number][], random: Random, version: 1 | 2) {
  const resync = new Resync(version, stream.length);
  const found: { type: string; from: number; to: number }[] = [];
  const take = (items: ReturnType<Resync['push']>) => {
    for (const item of items) {
      if (item.type === 'LOST') found.push({ ...item });
      else {
        const to = item.offset + item.bytes.length;
        expect(stream.subarray(item.offset, to).equals(item.bytes)).toBe(true);
        found.push({ type: item.type, from: item.offset, to });
      }
    }
  };
  let at = 0;
  for (const [from, to] of [...gaps, [stream.length, stream.length] as const]) {
    while (at < from) {
      const end = Math.min(from, at + 1 + random.below(300_000));
      take(resync.push(stream.subarray(at, end)));
      at = end;
    }
    if (to > from) resync.gap(to - from);
    at = to;
  }
  take(resync.finish());
  return found;
}

describe('resync', () => {
  it.each([1, 2] as const)('reads all of a whole stream of version %i', (version) => {
    const random = seeded(version);
    const { stream, starts } = streamOf(random, version);
    const found = read(stream, [], random, version);
    expect(found.map(({ from, to }) => `${from} ${to}`)).toEqual([...starts]);
  });

  it.each([1, 2] as const)('takes no command out of file data, version %i', (version) => {
    for (let seed = 0; seed < 12; seed++) {
      const random = seeded(seed * 2 + version);
      const { stream, starts } = streamOf(random, version);
      const spoiled = Buffer.from(stream);
      const cuts = [0, 0, 0, 0].map(() => random.below(stream.length)).sort((a, b) => a - b);
      const gaps: [number, number][] = [
        [cuts[0] as number, cuts[1] as number],
        [cuts[2] as number, cuts[3] as number],
      ];
      const flip = random.below(stream.length);
      spoiled[flip] = (spoiled[flip] ?? 0) ^ (1 << random.below(8));
      const found = read(spoiled, gaps, random, version);
      let at = 17;
      for (const { type, from, to } of found) {
        // Without a gap but for the header, which may be lost too.
        expect(from === at || (from === 0 && at === 17), `seed ${seed}: ${from}`).toBe(true);
        if (type !== 'LOST')
          expect(starts.has(`${from} ${to}`), `seed ${seed}: ${from}`).toBe(true);
        at = to;
      }
      expect(at, `seed ${seed}`).toBe(stream.length);
    }
  });

  it('reads on after the longest command behind a loss', () => {
    const random = seeded(5);
    const { stream, starts } = streamOf(random, 1);
    const found = read(stream, [[100_000, 300_000]], random, 1);
    const [loss, ...others] = found.filter(({ type }) => type === 'LOST');
    expect(others).toEqual([]);
    expect(loss?.from).toBeLessThanOrEqual(100_000);
    expect(loss?.to).toBeLessThanOrEqual(300_000 + 3 * 65_536);
    const read_ = found.filter(({ type }) => type !== 'LOST').length;
    expect(read_).toBeGreaterThan(starts.size / 2);
  });
});
