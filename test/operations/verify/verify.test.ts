import { randomBytes } from 'node:crypto';
import {
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { CommandBody } from '../../../src/sendstream/commands.ts';
import { encodeCommand, encodeHeader } from '../../../src/sendstream/writer.ts';
import { withTemporary } from '../../archive/stored.ts';
import { btrferry, parsed } from '../../cli/btrferry.ts';
import { forge } from '../../hostile/forge.ts';

const uuid = (digit: string) => [8, 4, 4, 4, 12].map((length) => digit.repeat(length)).join('-');
const MiB = 1024 ** 2;

const streamOf = (first: CommandBody, files: Record<string, number>) => {
  const commands: CommandBody[] = [first];
  for (const [name, length] of Object.entries(files)) {
    const path = Buffer.from(name);
    commands.push({ type: 'MKFILE', path, ino: 257n });
    for (let at = 0; at < length; at += 49152) {
      const data = randomBytes(Math.min(49152, length - at));
      commands.push({ type: 'WRITE', path, fileOffset: BigInt(at), data });
    }
  }
  commands.push({ type: 'END' });
  return Buffer.concat([encodeHeader(1), ...commands.map((command) => encodeCommand(command, 1))]);
};

/** A full stream of three files in frames of 2 MiB, and an increment on top of it. */
function withChain() {
  const archive = withTemporary();
  const full = streamOf(
    { type: 'SUBVOL', path: Buffer.from('mon'), uuid: uuid('1'), ctransid: 7n },
    { 'one.raw': 3 * MiB, 'dir/two.raw': 3 * MiB, three: 100 },
  );
  const increment = streamOf(
    {
      type: 'SNAPSHOT',
      path: Buffer.from('tue'),
      uuid: uuid('2'),
      ctransid: 9n,
      cloneUuid: uuid('1'),
      cloneCtransid: 7n,
    },
    { four: 100 },
  );
  const directory = forge(archive, full, { directory: 'mon.11111111.full', partLength: 4 * MiB });
  forge(archive, increment, { directory: 'tue.22222222.from-11111111' });
  return { archive, directory, part: (name: string) => join(directory, name) };
}

function verify(archive: string, ...options: string[]) {
  const { code, stdout } = btrferry(['verify', archive, ...options, '--json']);
  const reports = parsed(stdout).filter(({ type }) => type === 'stream-verified');
  const [first, second] = reports as unknown as {
    stream: { name: string };
    failures: { code: string; where: { file?: string; offset?: number } }[];
    losses: { from: number; to: number; files: string[] }[];
    missing: { uuid: string }[];
    dependents: { name: string }[];
  }[];
  return { code, first, second };
}

const flip = (file: string, at: number) => {
  const bytes = readFileSync(file);
  bytes[at] = (bytes[at] ?? 0) ^ 0x10;
  writeFileSync(file, bytes);
};

test('a whole archive is good', () => {
  const { archive } = withChain();
  for (const options of [[], ['--quick']]) {
    const { code, first, second } = verify(archive, ...options);
    expect(code).toBe(0);
    expect([first?.failures, second?.failures]).toEqual([[], []]);
  }
});

test('a flipped byte: the part, the frame, the file, and what builds on it', () => {
  const { archive, part } = withChain();
  flip(part('0001.btrfs.zst'), 2.5 * MiB);
  const { code, first, second } = verify(archive);
  expect(code).toBe(4);
  expect(first?.failures[0]).toMatchObject({
    code: 'frame-damaged',
    where: { file: 'streams/mon.11111111.full/0001.btrfs.zst' },
  });
  expect(first?.losses).toHaveLength(1);
  const [loss] = first?.losses ?? [];
  expect(loss?.files).toEqual(['one.raw']);
  expect((loss?.to ?? 0) - (loss?.from ?? 0)).toBeLessThan(50_000);
  expect(first?.dependents.map(({ name }) => name)).toEqual(['tue']);
  expect(second?.failures).toEqual([]);
  expect(verify(archive, '--quick')).toMatchObject({
    code: 4,
    first: { failures: [{ code: 'part-damaged' }], losses: [] },
  });
});

test('a part cut short: what lies beyond the cut is lost, what lies before it is not', () => {
  const { archive, part } = withChain();
  truncateSync(part('0001.btrfs.zst'), 3 * MiB);
  const { code, first } = verify(archive);
  expect(code).toBe(4);
  expect(first?.losses).toHaveLength(1);
  const [loss] = first?.losses ?? [];
  expect(loss?.from).toBeGreaterThan(2 * MiB - 50_000);
  expect(loss?.to).toBeLessThan(4 * MiB + 50_000);
  expect(loss?.files).toEqual(['one.raw', 'dir/two.raw']);
});

test('a part gone', () => {
  const { archive, part } = withChain();
  rmSync(part('0002.btrfs.zst'));
  const { code, first } = verify(archive);
  expect(code).toBe(4);
  expect(first?.failures.map((failure) => failure.code)).toEqual(['part-missing']);
  expect(first?.losses[0]?.files).toContain('dir/two.raw');
});

test('a parent gone is no damage, and has its own exit code', () => {
  const { archive, directory } = withChain();
  renameSync(directory, join(withTemporary(), 'elsewhere'));
  const { code, first } = verify(archive);
  expect(code).toBe(5);
  expect(first).toMatchObject({ failures: [], missing: [{ uuid: uuid('1') }] });
});

test('archives complete each other', () => {
  const [whole, rest] = [withChain(), withChain()];
  rmSync(rest.directory, { recursive: true });
  expect(readdirSync(join(rest.archive, 'streams'))).toHaveLength(1);
  expect(verify(rest.archive).code).toBe(5);
  expect(btrferry(['verify', rest.archive, whole.archive]).code).toBe(0);
});
