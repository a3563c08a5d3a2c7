import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { StreamSummary } from '../../src/sendstream/summary.ts';
import { encodeCommand, encodeHeader } from '../../src/sendstream/writer.ts';
import { byteByByte, concat, read } from './streams.ts';

/** Real streams, as `btrfs send` wrote them. */
const folder = new URL('../../samples/streams/', import.meta.url);

function samples(): string[] {
  return readdirSync(folder).filter((file) => file.endsWith('.btrfs'));
}

test('there are samples of both versions', () => {
  const versions = samples().map((file) => readFileSync(new URL(file, folder)).readUInt32LE(13));
  expect(new Set(versions)).toEqual(new Set([1, 2]));
});

test('each is read, and written again byte for byte', () => {
  for (const file of samples()) {
    const stream = new Uint8Array(readFileSync(new URL(file, folder)));
    const { reader, commands, completed } = read([stream]);
    const version = reader.version ?? 1;
    expect(completed, file).toEqual(stream);
    const written = concat(
      encodeHeader(version),
      ...commands.map((command) => encodeCommand(command, version)),
    );
    expect(Buffer.compare(written, stream), file).toBe(0);

    const summary = new StreamSummary();
    for (const command of commands) summary.add(command);
    const counted = Object.values(summary.result(version).commandCounts);
    expect(
      counted.reduce((sum, count) => sum + count, 0),
      file,
    ).toBe(commands.length);
  }
});

test('the smallest is read byte by byte with the same result', () => {
  const streams = samples().map((file) => new Uint8Array(readFileSync(new URL(file, folder))));
  const [smallest = new Uint8Array()] = streams.sort((a, b) => a.length - b.length);
  expect(read(byteByByte(smallest)).commands).toEqual(read([smallest]).commands);
});
