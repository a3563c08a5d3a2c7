import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { FINE, WHOLE } from '../../src/tree/blocks.ts';
import { contentReader } from '../../src/tree/contents.ts';
import { comparePaths, type Entry } from '../../src/tree/entry.ts';
import { walk } from '../../src/tree/walk.ts';

let top: string;
beforeEach(() => {
  top = mkdtempSync(path.join(tmpdir(), 'btrferry-walk-'));
});
afterEach(() => rmSync(top, { recursive: true }));

async function walked(blockSize = WHOLE, signal = new AbortController().signal): Promise<Entry[]> {
  const entries: Entry[] = [];
  for await (const entry of walk(top, { blockSize, signal })) entries.push(entry);
  return entries;
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest();

it('finds every kind of entry, in order, and hashes contents', async () => {
  mkdirSync(path.join(top, 'a'));
  mkdirSync(path.join(top, 'a-b'));
  writeFileSync(path.join(top, 'a', 'file'), 'contents');
  writeFileSync(Buffer.concat([Buffer.from(`${top}/a/`), Buffer.from([0xff])]), '');
  linkSync(path.join(top, 'a', 'file'), path.join(top, 'z'));
  symlinkSync('nowhere', path.join(top, 'link'));
  execFileSync('mkfifo', [path.join(top, 'pipe')]);
  const entries = await walked();
  expect(entries.map(({ kind, path: at }) => `${kind} ${at.toString('latin1')}`)).toEqual([
    'directory ',
    'directory a',
    'file a/file',
    'file a/\u00ff',
    'directory a-b',
    'symlink link',
    'fifo pipe',
    'link z',
  ]);
  const paths = entries.map(({ path: at }) => at);
  expect(paths.toSorted(comparePaths)).toEqual(paths);
  expect(entries[2]).toMatchObject({ size: 8 });
  expect(Buffer.from((entries[2] as { digests: Uint8Array }).digests)).toEqual(
    sha256(Buffer.from('contents')),
  );
  expect(entries[5]).toMatchObject({ target: Buffer.from('nowhere') });
  expect(entries[7]).toMatchObject({ first: Buffer.from('a/file') });
});

it('hashes each block of a large file, and holes as zeros', async () => {
  const bytes = randomBytes(5 * FINE + 7);
  const file = path.join(top, 'large');
  writeFileSync(file, bytes);
  truncateSync(file, 70 * 2 ** 20 + 5);
  const whole = Buffer.concat([bytes, Buffer.alloc(70 * 2 ** 20 + 5 - bytes.length)]);
  for (const blockSize of [FINE, WHOLE]) {
    const expected: Buffer[] = [];
    for (let at = 0; at < whole.length; at += blockSize) {
      expected.push(sha256(whole.subarray(at, at + blockSize)));
    }
    const { digests } = (await walked(blockSize))[1] as { digests: Uint8Array };
    expect(Buffer.concat(expected).equals(digests)).toBe(true);
  }
});

it('names what cannot be read', async () => {
  rmSync(top, { recursive: true });
  await expect(walked()).rejects.toMatchObject({ code: 'read-failed', where: { file: `${top}/` } });
  mkdirSync(top);
  const stop = new AbortController();
  stop.abort();
  await expect(walked(WHOLE, stop.signal)).rejects.toMatchObject({ code: 'interrupted' });
});

it('reads contents at any place, one file after another', () => {
  const bytes = randomBytes(200_000);
  writeFileSync(path.join(top, 'one'), bytes);
  writeFileSync(path.join(top, 'two'), 'short');
  const { read, close } = contentReader(top);
  const [one, two] = [Buffer.from('one'), Buffer.from('two')];
  expect(Buffer.from(read(one, 5, 100_000)).equals(bytes.subarray(5, 100_005))).toBe(true);
  expect(Buffer.from(read(two, 1, 2)).toString()).toBe('ho');
  expect(Buffer.from(read(one, 0, 10)).equals(bytes.subarray(0, 10))).toBe(true);
  expect(() => read(two, 0, 6)).toThrow('shorter');
  expect(() => read(Buffer.from('three'), 0, 1)).toThrow('three');
  close();
});
