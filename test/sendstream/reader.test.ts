import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Failure } from '../../src/failure/failure.ts';
import type { StreamVersion } from '../../src/sendstream/commands.ts';
import { StreamReader } from '../../src/sendstream/reader.ts';
import { encodeCommand } from '../../src/sendstream/writer.ts';
import * as streams from './streams.ts';

const versions: StreamVersion[] = [1, 2];
const anyPath = { checkPaths: false };

/** The failure that reading ends in. */
function failureOf(pieces: readonly Uint8Array[]): Failure {
  try {
    streams.read(pieces, anyPath);
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error('was read to its end');
}

describe.each(versions)('version %i', (version) => {
  test('reads what was written, and writes the same bytes again', () => {
    fc.assert(
      fc.property(streams.bodies(version), (bodies) => {
        const stream = streams.streamOf(version, bodies);
        const { reader, commands } = streams.read([stream], anyPath);
        expect(reader.version).toBe(version);
        expect(reader.offset).toBe(stream.length);
        expect(commands.map(streams.bodyOf)).toEqual(bodies);
        for (const command of commands) {
          expect(encodeCommand(command, version)).toEqual(Buffer.from(command.bytes));
          expect(command.bytes).toEqual(
            stream.slice(command.offset, command.offset + command.bytes.length),
          );
        }
      }),
    );
  });

  test('gives the same commands and passes the same bytes, however they are split', () => {
    fc.assert(
      fc.property(streams.bodies(version), fc.array(fc.nat()), (bodies, places) => {
        const stream = streams.streamOf(version, bodies);
        const whole = streams.read([stream], anyPath);
        for (const pieces of [streams.byteByByte(stream), streams.cut(stream, places)]) {
          const parts = streams.read(pieces, anyPath);
          expect(parts.commands).toEqual(whole.commands);
          expect(parts.completed).toEqual(stream);
        }
      }),
    );
  });

  test('accepts Buffers whose memory is reused', () => {
    const stream = streams.streamOf(version, streams.oneOfEach(version));
    const piece = Buffer.alloc(7);
    const reader = new StreamReader(anyPath);
    const types: string[] = [];
    for (let at = 0; at < stream.length; at += piece.length) {
      const length = Buffer.from(stream.buffer, stream.byteOffset + at).copy(piece);
      const rest = Math.min(length, stream.length - at);
      for (const command of reader.push(piece.subarray(0, rest))) types.push(command.type);
      piece.fill(0xff);
    }
    reader.finish();
    expect(types).toEqual(streams.read([stream], anyPath).commands.map(({ type }) => type));
  });

  const small = streams.streamOf(version, streams.oneOfEach(version));

  test('reports a stream cut short at any byte, and where', () => {
    for (let length = 0; length < small.length; length += 1) {
      const failure = failureOf([small.subarray(0, length)]);
      expect(failure.code).toBe('stream-truncated');
      expect(failure.where.offset).toBe(length);
    }
  });

  test('finds a flip of any bit of any byte, and says where', () => {
    for (let at = 0; at < small.length; at += 1) {
      for (const flip of [1, 2, 4, 8, 16, 32, 64, 128, 255]) {
        const flipped = small.slice();
        flipped[at] = (flipped[at] as number) ^ flip;
        const failure = failureOf([flipped]);
        expect(failure.code).toMatch(/^stream-/);
        expect(failure.where.offset).toBeLessThanOrEqual(small.length);
      }
    }
  });

  test('a piece completes at most two stretches, and only whole commands', () => {
    const reader = new StreamReader(anyPath);
    const ends = new Set([17]);
    for (const command of streams.read([small], anyPath).commands) {
      ends.add(command.offset + command.bytes.length);
    }
    for (let at = 0; at < small.length; at += 61) {
      for (const _ of reader.push(small.subarray(at, at + 61)));
      expect(reader.completed().length).toBeLessThanOrEqual(2);
      expect(reader.offset === 0 || ends.has(reader.offset)).toBe(true);
    }
    expect(reader.ended).toBe(true);
  });
});

test('a command in one piece is a view into it, and a command across pieces is a copy', () => {
  const stream = streams.around({ type: 'UNLINK', path: streams.bytes('a') });
  const reader = new StreamReader();
  const [first] = [...reader.push(stream.subarray(0, stream.length - 15))];
  expect(first?.bytes.buffer).toBe(stream.buffer);
  const [unlink] = [...reader.push(stream.subarray(stream.length - 15))];
  expect(unlink?.type).toBe('UNLINK');
  expect(unlink?.bytes.buffer).not.toBe(stream.buffer);
});

test('a command does not change when the memory of its Buffer is reused', () => {
  const stream = streams.around({ type: 'UNLINK', path: streams.bytes('a') });
  const reader = new StreamReader();
  const block = Buffer.alloc(40);
  const found: string[] = [];
  for (let at = 0; at < stream.length; at += block.length) {
    const part = stream.subarray(at, at + block.length);
    block.fill(0xee).set(part);
    for (const command of reader.push(block.subarray(0, part.length))) found.push(command.type);
  }
  reader.finish();
  expect(found).toEqual(['SUBVOL', 'UNLINK', 'END']);
});

test('pushing before the last piece was read to its end is a defect of the caller', () => {
  const reader = new StreamReader();
  for (const _ of reader.push(streams.around())) break;
  expect(() => reader.finish()).toThrow(/not read to its end/);
  expect(() => [...reader.push(new Uint8Array())]).toThrow(/not read to its end/);
});

test('passes no bytes of a piece that has an error', () => {
  const reader = new StreamReader();
  const stream = streams.concat(streams.around(), Uint8Array.of(0));
  expect(() => [...reader.push(stream)]).toThrow(Failure);
  expect(reader.completed()).toEqual([]);
});
