import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StreamVerified } from '../../../src/events/verify.ts';
import type { Warning } from '../../../src/events/warning.ts';
import type { CommandBody } from '../../../src/sendstream/commands.ts';
import { encodeCommand, encodeHeader } from '../../../src/sendstream/writer.ts';
import { withTemporary } from '../../archive/stored.ts';
import { type Forgery, forge } from '../../hostile/forge.ts';
import { btrferrySync, eventsIn } from '../../program.ts';

export const uuid = (digit: string) =>
  [8, 4, 4, 4, 12].map((length) => digit.repeat(length)).join('-');
export const MiB = 1024 ** 2;

export const streamOf = (first: CommandBody, files: Record<string, number>) => {
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

export const subvol: CommandBody = {
  type: 'SUBVOL',
  path: Buffer.from('mon'),
  uuid: uuid('1'),
  ctransid: 7n,
};

/** A full stream of three files in frames of 2 MiB, and an increment on top of it. */
export function withChain(forgery: Forgery = {}) {
  const archive = withTemporary();
  const full = streamOf(subvol, { 'one.raw': 3 * MiB, 'dir/two.raw': 3 * MiB, three: 100 });
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
  const directory = forge(archive, full, {
    directory: 'mon.11111111.full',
    partLength: 4 * MiB,
    ...forgery,
  });
  forge(archive, increment, {
    directory: 'tue.22222222.from-11111111',
    claim: { parent: { uuid: uuid('1'), ctransid: '7', sendTransid: null, name: 'mon' } },
  });
  return { archive, directory, part: (name: string) => join(directory, name) };
}

export function verify(archive: string, ...options: string[]) {
  const { exit, stdout } = btrferrySync(['verify', archive, ...options, '--json']);
  const events = eventsIn({ stdout });
  const reports = events.filter(({ type }) => type === 'stream-verified');
  const [first, second] = reports as unknown as StreamVerified[];
  const warnings = events.filter(({ type }) => type === 'warning') as unknown as Warning[];
  return { exit, first, second, warnings, events };
}

/** The lines for people on stdout. */
export const told = (...args: string[]) =>
  btrferrySync(['verify', ...args])
    .stdout.trimEnd()
    .split('\n');

export const flip = (file: string, at: number) => {
  const bytes = readFileSync(file);
  const place = at < 0 ? bytes.length + at : at;
  bytes[place] = (bytes[place] ?? 0) ^ 0x10;
  writeFileSync(file, bytes);
};
