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

  it('continues after a wrong length', () => {
    const spoiled = Buffer.from(stream);
    spoiled[start(2) + 2] = 0x33;
    expect(losses([spoiled])).toEqual([{ from: start(2), to: start(3), paths: ['a', 'b', 'c'] }]);
  });

  it('names the files around and within a gap, from the rest of their commands', () => {
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

  it('distinguishes a limited number of losses, and counts the rest to the last', () => {
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

  it('keeps the paths of all losses that the last one covers', () => {
    const spoiled = Buffer.from(write('x', 0));
    spoiled[20] = 1;
    const pairs = Array.from({ length: 4100 }, (_, at) => [spoiled, write(`after ${at}`, 2)]);
    const found = losses([encodeHeader(1), commands[0] as Uint8Array, ...pairs.flat()]);
    expect(found).toHaveLength(4096);
    const paths = found.at(-1)?.paths;
    expect(paths).toEqual(expect.arrayContaining(['after 4095', 'after 4097', 'after 4099']));
    expect(paths).not.toContain('after 4093');
  });

  it('finds a damaged header', () => {
    for (const at of [0, 12, 13, 16]) {
      const spoiled = Buffer.from(stream);
      spoiled[at] = (spoiled[at] ?? 0) ^ 0x20;
      expect(losses([spoiled])).toEqual([{ from: 0, to: 17, paths: [] }]);
    }
  });

  it('distinguishes one lost command from bytes that may have held any', () => {
    const singles = (...parts: (Uint8Array | number)[]) => {
      const salvage = new Salvage(1);
      for (const part of parts) {
        if (typeof part === 'number') salvage.gap(part);
        else salvage.push(part);
      }
      return salvage.finish().map(({ single }) => single);
    };
    const flipped = (...places: number[]) => {
      const spoiled = Buffer.from(stream);
      for (const at of places) spoiled[at] = (spoiled[at] ?? 0) ^ 0xff;
      return spoiled;
    };
    expect(singles(flipped(start(2) + 20))).toEqual([true]);
    expect(singles(flipped(start(1) + 20, start(3) + 20))).toEqual([true, true]);
    expect(singles(flipped(start(2) + 20, start(3) + 20))).toEqual([false]);
    expect(singles(flipped(start(2)))).toEqual([false]);
    expect(singles(stream.subarray(0, start(2)), 1, stream.subarray(start(2) + 1))).toEqual([
      false,
    ]);
  });

  it('takes no longer for bytes that look like commands', () => {
    const seeming = (payload: number, number: number, attributes: Buffer) => {
      const header = Buffer.alloc(10);
      header.writeUInt32LE(payload);
      header.writeUInt16LE(number, 4);
      return Buffer.concat([header, attributes]);
    };
    const data = Buffer.from([19, 0]);
    const path = Buffer.from([15, 0, 1, 0, 0x61]);
    const fileOffset = Buffer.from([18, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for (const pattern of [
      seeming(150_000, 15, data),
      seeming(150_000, 15, Buffer.concat([path, fileOffset, data])),
    ]) {
      const salvage = new Salvage(2);
      salvage.push(encodeHeader(2));
      const begun = performance.now();
      for (let frame = 0; frame < 3; frame++) salvage.push(Buffer.alloc(2 ** 21, pattern));
      expect(salvage.finish()).toMatchObject([{ from: 17, single: false }]);
      expect(performance.now() - begun).toBeLessThan(4000);
    }
  });
});
