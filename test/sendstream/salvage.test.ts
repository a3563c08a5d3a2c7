import { describe, expect, it } from 'vitest';
import { Salvage } from '../../src/sendstream/salvage.ts';
import { encodeCommand, encodeHeader } from '../../src/sendstream/writer.ts';

const uuid = '11111111-2222-3333-4444-555555555555';
const bytes = (text: string) => Buffer.from(text);
const write = (path: string, fill: number) =>
  encodeCommand(
    { type: 'WRITE', path: bytes(path), fileOffset: 0n, data: Buffer.alloc(500, fill) },
    1,
  );
const commands = [
  encodeCommand({ type: 'SUBVOL', path: bytes('s'), uuid, ctransid: 7n }, 1),
  write('a', 1),
  write('b', 2),
  write('c', 3),
  write('d', 4),
  encodeCommand({ type: 'END' }, 1),
];
const stream = Buffer.concat([encodeHeader(1), ...commands]);
const start = (index: number) =>
  17 + commands.slice(0, index).reduce((sum, command) => sum + command.length, 0);

const losses = (parts: (Uint8Array | number)[]) => {
  const salvage = new Salvage(1);
  for (const part of parts) {
    if (typeof part === 'number') salvage.gap(part);
    else salvage.push(part);
  }
  return salvage.finish().map(({ from, to, paths }) => ({
    from,
    to,
    paths: paths.map((path) => Buffer.from(path).toString()),
  }));
};

describe('salvage', () => {
  it('finds nothing lost in a whole stream, in pieces of any size', () => {
    expect(losses([stream])).toEqual([]);
    expect(losses([...stream].map((byte) => Uint8Array.of(byte)))).toEqual([]);
  });

  it('finds the one command that a flipped byte spoils, and its file', () => {
    for (const at of [start(2) + 7, start(2) + 20, start(3) - 1]) {
      const spoiled = Buffer.from(stream);
      spoiled[at] = (spoiled[at] ?? 0) ^ 0xff;
      const [loss, ...others] = losses([spoiled]);
      expect(others).toEqual([]);
      expect(loss).toMatchObject({ from: start(2), to: start(3) });
      expect(loss?.paths).toContain('b');
    }
  });

  it('finds its way again after a length that lies', () => {
    const spoiled = Buffer.from(stream);
    spoiled[start(2) + 2] = 0x33;
    expect(losses([spoiled])).toEqual([{ from: start(2), to: start(3), paths: ['a', 'b', 'c'] }]);
  });

  it('names the files around and within a gap, from what is left of their commands', () => {
    const gap = { from: start(2) + 100, to: start(4) - 30 };
    expect(
      losses([stream.subarray(0, gap.from), gap.to - gap.from, stream.subarray(gap.to)]),
    ).toEqual([{ from: start(2), to: start(4), paths: ['a', 'b', 'd'] }]);
  });

  it('reports a lost beginning and a lost end', () => {
    expect(losses([40, stream.subarray(40)])).toEqual([{ from: 0, to: start(1), paths: ['a'] }]);
    expect(losses([stream.subarray(0, start(4) + 60)])).toEqual([
      { from: start(4), to: start(4) + 60, paths: ['c', 'd'] },
    ]);
    expect(losses([stream.subarray(0, start(4)), stream.length - start(4)])).toEqual([
      { from: start(4), to: stream.length, paths: ['c'] },
    ]);
  });

  it('tells so many losses apart, and counts what is behind to the last', () => {
    const spoiled = Buffer.from(write('x', 0));
    spoiled[20] = 1;
    const [header, subvol] = [encodeHeader(1), commands[0] as Uint8Array];
    const pair = [spoiled, write('y', 2)];
    const found = losses([header, subvol, ...Array.from({ length: 5000 }, () => pair).flat()]);
    expect(found).toHaveLength(4096);
    const length = header.length + subvol.length + 5000 * 2 * spoiled.length;
    expect(found.at(-1)).toMatchObject({
      from: header.length + subvol.length + 4095 * 2 * spoiled.length,
      to: length - spoiled.length,
    });
  });
});
