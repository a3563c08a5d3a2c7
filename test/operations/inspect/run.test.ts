import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { Event } from '../../../src/events/event.ts';
import type { CommandInspected } from '../../../src/events/inspect.ts';
import { runInspect } from '../../../src/operations/inspect/run.ts';
import type { CommandBody } from '../../../src/sendstream/commands.ts';
import { describeReal, withBtrfs } from '../../filesystem.ts';
import { around, bytes, end, other, own, streamOf } from '../../sendstream/streams.ts';
import { contextWith } from '../context.ts';

function withFile(name: string, content: Uint8Array): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'btrferry-inspect-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const file = path.join(directory, name);
  writeFileSync(file, content);
  return file;
}

async function inspect(file: string, commands = false) {
  const events: Event[] = [];
  const result = await runInspect(
    { file, commands },
    contextWith((event) => void events.push(event)),
  );
  return { events, result, last: events.at(-1) };
}

const zstd = (content: Uint8Array) => execFileSync('zstd', ['-qc'], { input: content });

const incremental: CommandBody[] = [
  {
    type: 'SNAPSHOT',
    path: bytes('home'),
    uuid: own,
    ctransid: 2n ** 64n - 1n,
    cloneUuid: other,
    cloneCtransid: 6n,
  },
  { type: 'WRITE', path: bytes('a\x1b'), fileOffset: 2n ** 60n, data: bytes('12345') },
  {
    type: 'UTIMES',
    path: bytes('a'),
    atime: { sec: 1n, nsec: 5 },
    mtime: { sec: -1n, nsec: 0 },
    ctime: { sec: 2n ** 62n, nsec: 7 },
  },
  { type: 'SET_XATTR', path: bytes('a'), xattrName: bytes('user.x'), xattrData: bytes('secret') },
  end,
];

it.each(['raw', 'zstd'])('a %s stream', async (how) => {
  const stream = streamOf(2, incremental);
  const { result, last } = await inspect(withFile('s', how === 'raw' ? stream : zstd(stream)));
  expect(result).toMatchObject({ exit: 0, bytes: stream.length });
  expect(last).toMatchObject({
    type: 'stream-inspected',
    name: 'home',
    protocol: 2,
    kind: 'incremental',
    identity: { uuid: own, ctransid: '18446744073709551615' },
    parent: { uuid: other, ctransid: '6' },
    cloneSources: [],
    length: stream.length,
    commands: { SNAPSHOT: 1, WRITE: 1, UTIMES: 1, SET_XATTR: 1, END: 1 },
    written: 5,
    noData: false,
  });
  expect(() => JSON.stringify(last)).not.toThrow();
});

it('each command, printable and as JSON', async () => {
  const { events } = await inspect(withFile('s', streamOf(2, incremental)), true);
  const commands = events.filter((event): event is CommandInspected => event.type === 'command');
  expect(commands.map(({ command }) => command)).toEqual([
    'SNAPSHOT',
    'WRITE',
    'UTIMES',
    'SET_XATTR',
    'END',
  ]);
  expect(commands[0]).toMatchObject({ offset: 17, attributes: { cloneCtransid: '6' } });
  expect(commands[1]?.attributes).toEqual({
    path: 'a\\x1b',
    fileOffset: '1152921504606846976',
    data: 5,
  });
  expect(commands[2]?.attributes).toMatchObject({
    atime: '1970-01-01T00:00:01.000000005Z',
    mtime: '1969-12-31T23:59:59.000000000Z',
    ctime: '4611686018427387904.000000007',
  });
  expect(commands[3]?.attributes).toEqual({ path: 'a', xattrName: 'user.x', xattrData: 6 });
});

it('damage, with its offset and file', async () => {
  const stream = around({ type: 'MKDIR', path: bytes('d'), ino: 3n });
  const flipped = Uint8Array.from(stream);
  const at = stream.length - 20;
  flipped[at] = (flipped[at] ?? 0) ^ 1;
  const file = withFile('s', flipped);
  await expect(inspect(file)).rejects.toMatchObject({
    code: 'stream-checksum',
    where: { file, offset: expect.any(Number) },
  });
  await expect(inspect(withFile('s', stream.subarray(0, -1)))).rejects.toMatchObject({
    code: 'stream-truncated',
    hint: expect.stringContaining('make it again'),
  });
  const unsafe = around({ type: 'MKDIR', path: bytes('../d'), ino: 3n });
  await expect(inspect(withFile('s', unsafe))).rejects.toMatchObject({
    code: 'stream-unsafe-path',
  });
  await expect(inspect(withFile('s', zstd(stream).subarray(0, -9)))).rejects.toMatchObject({
    code: 'frame-damaged',
  });
});

it('one part of several is recognised as one', async () => {
  const stream = around({ type: 'MKDIR', path: bytes('d'), ino: 3n });
  const first = withFile('0001.btrfs.zst', zstd(stream.subarray(0, 60)));
  const second = path.join(path.dirname(first), '0002.btrfs.zst');
  await expect(inspect(first)).rejects.toThrow(/stops after 60 bytes/);
  writeFileSync(second, zstd(stream.subarray(60)));
  await expect(inspect(first)).rejects.toMatchObject({
    code: 'stream-truncated',
    message: expect.stringMatching(/only a piece of a stream: it continues in the next part/),
    hint: expect.stringContaining('cat'),
  });
  await expect(inspect(second)).rejects.toThrow(/it begins in an earlier part/);
});

it('input that is not a stream', async () => {
  await expect(inspect('/nowhere')).rejects.toMatchObject({ code: 'not-found' });
  await expect(inspect(tmpdir())).rejects.toMatchObject({ code: 'usage' });
  await expect(inspect(withFile('s', bytes('hello, this is no stream')))).rejects.toMatchObject({
    code: 'stream-malformed',
  });
  await expect(inspect(withFile('s', new Uint8Array(0)))).rejects.toMatchObject({
    code: 'stream-truncated',
  });
});

it('interrupted before the end', async () => {
  const stop = new AbortController();
  const file = withFile('s', streamOf(2, incremental));
  const emit = (event: Event) => {
    if (event.type === 'command') stop.abort();
  };
  const running = runInspect({ file, commands: true }, contextWith(emit, stop.signal));
  await expect(running).rejects.toMatchObject({ code: 'interrupted' });
});

describeReal('streams of btrfs send', () => {
  it('agrees with btrfs receive --dump', async () => {
    const source = withBtrfs();
    source.subvolume('home');
    writeFileSync(source.at('home/file'), 'x'.repeat(200_000));
    const snapshot = source.snapshot('home', 'home.1');
    const stream = withFile('s', new Uint8Array(0));
    execFileSync('btrfs', ['send', '-q', '-f', stream, snapshot]);
    const dump = execFileSync('btrfs', ['receive', '--dump', '-f', stream], { encoding: 'utf8' });
    const { events, result } = await inspect(stream, true);
    const commands = events.filter((event): event is CommandInspected => event.type === 'command');
    const dumped = dump
      .trimEnd()
      .split('\n')
      .map((line) => line.split(' ')[0]?.toUpperCase());
    // --dump leaves END out.
    expect(commands.slice(0, -1).map(({ command }) => command)).toEqual(dumped);
    expect(result.bytes).toBe(readFileSync(stream).length);
  });
});
