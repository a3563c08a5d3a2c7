import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FailureCode } from '../../../src/failure/failure.ts';
import type { CommandBody } from '../../../src/sendstream/commands.ts';
import { type Forgery, forge } from '../../hostile/forge.ts';
import { bytes, streamOf } from '../../sendstream/streams.ts';

/** Archives for those who write a reader: what they are made of, and what a reader must give. */

/**
 * The verdict of a reader on a stream, a header or an archive. `code` is the failure of btrferry.
 */
export interface Expected {
  readonly is: 'good' | 'damaged' | 'too new' | 'incomplete';
  readonly code?: FailureCode;
  /** The file in the stream's directory that is wrong, where it is one. */
  readonly file?: string;
}

export interface Vector {
  /** Name of its directory. */
  readonly name: string;
  readonly about: string;
  /** Makes it; the directory is there, and empty. */
  readonly make: (archive: string) => void | Promise<void>;
  /** By the name of the directory in `streams/`. */
  readonly streams: Readonly<Record<string, Expected>>;
  /** Of the header; good unless told. */
  readonly header?: Expected;
  /** Of the archive as a whole, where that is refused. */
  readonly archive?: Expected;
  /** UUIDs that streams need, and nothing in the archive has. */
  readonly missing?: readonly string[];
  /** UUIDs that its streams have in several states. */
  readonly conflicts?: readonly string[];
}

export const good: Expected = { is: 'good' };
export const damaged = (code: FailureCode, file?: string): Expected => ({
  is: 'damaged',
  code,
  ...(file === undefined ? {} : { file }),
});
export const tooNew = (code: FailureCode, file?: string): Expected => ({
  is: 'too new',
  code,
  ...(file === undefined ? {} : { file }),
});
export const manifestDamaged = damaged('manifest-damaged', 'manifest.json');
export const differs = damaged('stream-differs-from-manifest');

/** The smallest of the real streams: its name is no UTF-8, and it holds a file. */
export const real = (version: 1 | 2): Uint8Array =>
  new Uint8Array(
    readFileSync(
      join(import.meta.dirname, `../../../samples/streams/odd-name.full.v${version}.btrfs`),
    ),
  );

export const home = '11111111-2222-4333-8444-555555555555';
export const later = '66666666-7777-4888-9999-aaaaaaaaaaaa';
export const foreign = 'bbbbbbbb-cccc-4ddd-8eee-ffffffffffff';
export const HOME = 'home.1.11111111.full';

export const subvol: CommandBody = {
  type: 'SUBVOL',
  path: bytes('home.1'),
  uuid: home,
  ctransid: 7n,
};
export const end: CommandBody = { type: 'END' };
export const file = (path: string): CommandBody => ({
  type: 'MKFILE',
  path: bytes(path),
  ino: 257n,
});
export const text = (path: string, content = 'of no account\n'): CommandBody => ({
  type: 'WRITE',
  path: bytes(path),
  fileOffset: 0n,
  data: bytes(content),
});

/** A full stream of one file, in version 1. */
export const small = streamOf(1, [subvol, file('letter'), text('letter'), end]);

/** A full stream of 4 MiB and a bit, three frames, of zeros. */
export const large = streamOf(1, [
  subvol,
  file('zeros'),
  ...Array.from(
    { length: 90 },
    (_, at): CommandBody => ({
      type: 'WRITE',
      path: bytes('zeros'),
      fileOffset: BigInt(at * 48 * 1024),
      data: new Uint8Array(48 * 1024),
    }),
  ),
  end,
]);

/** One stream, with one thing about it. */
export function one(
  name: string,
  about: string,
  is: Expected,
  forgery: Forgery = {},
  stream: Uint8Array = small,
): Vector {
  const make = (archive: string) => void forge(archive, stream, { directory: HOME, ...forgery });
  return { name, about, make, streams: { [HOME]: is } };
}

/** A good archive, to which something happened. */
export function spoiled(
  name: string,
  about: string,
  is: Expected | Omit<Vector, 'name' | 'about' | 'make'>,
  spoil: (directory: string, archive: string) => void,
): Vector {
  const make = (archive: string) => {
    spoil(forge(archive, small, { directory: HOME }), archive);
  };
  return { name, about, make, ...('is' in is ? { streams: { [HOME]: is } } : is) };
}

/** Seals a text anew that was sealed, and changed. */
export function reseal(document: string): string {
  const found = /"sha256": ?"([0-9a-f]{64})"(?=\s*\}\s*$)/.exec(document);
  if (found === null) throw new Error('it has no seal');
  const digits = found.index + found[0].length - 65;
  const before = document.slice(0, digits);
  const after = document.slice(digits + 64);
  const sha256 = createHash('sha256')
    .update(`${before}${'0'.repeat(64)}${after}`)
    .digest('hex');
  return `${before}${sha256}${after}`;
}

/** A manifest in which one text is replaced, sealed anew. */
export const edited = (from: string | RegExp, to: string): Forgery => ({
  text: (sealed) => {
    const changed = sealed.replace(from, to);
    if (changed === sealed) throw new Error(`the manifest has no ${from}`);
    return reseal(changed);
  },
});

/** Does the same to the header of an archive. */
export function editHeader(archive: string, from: string | RegExp, to: string): void {
  const path = join(archive, 'btrferry.json');
  writeFileSync(path, reseal(readFileSync(path, 'utf8').replace(from, to)));
}

/** The fewest equal bytes that are written as a block. */
const RUN = 64;
const MOST = 128 * 1024;

/** Puts blocks of one byte, many times, into the place of raw blocks: the frame becomes small. */
export function squeezed(frame: Uint8Array, plain: Uint8Array): Uint8Array {
  const header = frame.subarray(0, 9);
  const checksum = frame.subarray(9 + Math.ceil(plain.length / MOST) * 3 + plain.length);
  const blocks: { type: 0 | 1; size: number; content: Uint8Array }[] = [];
  for (let at = 0; at < plain.length; ) {
    const run = runAt(plain, at);
    if (run >= RUN) {
      blocks.push({ type: 1, size: run, content: plain.subarray(at, at + 1) });
      at += run;
      continue;
    }
    let until = at;
    while (until < plain.length && until - at < MOST && runAt(plain, until) < RUN) until++;
    blocks.push({ type: 0, size: until - at, content: plain.subarray(at, until) });
    at = until;
  }
  const encoded = blocks.flatMap(({ type, size, content }, at) => {
    const word = (size << 3) | (type << 1) | (at === blocks.length - 1 ? 1 : 0);
    return [Uint8Array.of(word & 0xff, (word >> 8) & 0xff, word >> 16), content];
  });
  return Buffer.concat([header, ...encoded, checksum]);
}

/** How often the byte at a place follows itself, up to what a block can stand for. */
function runAt(bytes: Uint8Array, at: number): number {
  let length = 1;
  while (length < MOST && bytes[at + length] === bytes[at]) length++;
  return length;
}
