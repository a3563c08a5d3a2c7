import { execFileSync } from 'node:child_process';
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { Failure } from '../../../src/failure/failure.ts';
import { readWhole, type Store } from '../../../src/store/store.ts';
import { headerFor, padded } from '../../../src/store/tar/tar-header.ts';
import { tarStore } from '../../../src/store/tar/tar-store.ts';
import { tarWriter } from '../../../src/store/tar/tar-writer.ts';
import { isReadableStore } from '../conformance.ts';

const made = mkdtempSync(path.join(tmpdir(), 'btrferry-tar-'));
afterAll(() => rmSync(made, { recursive: true }));
let count = 0;
const fresh = () => path.join(made, `${count++}.tar`);

/** A tar file with these contents, in one buffer. */
async function tarOf(files: Readonly<Record<string, Uint8Array>>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  const tar = tarWriter(async (bytes) => void pieces.push(Buffer.from(bytes)), new Date(0));
  for (const [name, bytes] of Object.entries(files)) await tar.file(name, bytes.length, [bytes]);
  await tar.end();
  return Buffer.concat(pieces);
}

async function storeOf(files: Readonly<Record<string, Uint8Array>>): Promise<Store> {
  const file = fresh();
  writeFileSync(file, await tarOf(files));
  return tarStore(file);
}

isReadableStore('a tar file', storeOf);

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no failure',
    (error) => (error instanceof Failure ? error.code : `not a failure: ${error}`),
  );

const read = async (store: Store, file: string) =>
  Buffer.from((await readWhole(store.read(file), 1e7)) ?? []).toString();

/** Makes a tar file with GNU tar of files in a directory of its own. */
function stockTar(files: Readonly<Record<string, string>>, ...options: string[]): string {
  const directory = mkdtempSync(path.join(made, 'stock-'));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.join(directory, path.dirname(name)), { recursive: true });
    writeFileSync(path.join(directory, name), text);
  }
  const file = fresh();
  execFileSync('tar', ['-C', directory, '-cf', file, ...options, '.']);
  return file;
}

describe('a tar file', () => {
  it.each(['ustar', 'gnu', 'pax'])('made by GNU tar as %s is read', async (format) => {
    const long = `${'d/'.repeat(30)}${'n'.repeat(30)}`;
    const file = stockTar({ 'btrferry.json': '{}', [long]: 'deep' }, `--format=${format}`);
    const store = tarStore(file);
    expect(await read(store, 'btrferry.json')).toBe('{}');
    expect(await read(store, long)).toBe('deep');
    expect((await store.list('d/d')).map(({ name, kind }) => [name, kind])).toEqual([
      ['d', 'directory'],
    ]);
  });

  it('with names that only extended headers can hold is read', async () => {
    const long = `${'n'.repeat(200)}/${'m'.repeat(200)}`;
    for (const format of ['gnu', 'pax']) {
      const store = tarStore(stockTar({ [long]: 'long' }, `--format=${format}`));
      expect(await read(store, long)).toBe('long');
    }
  });

  it('that was written here is unpacked by stock tar, whatever it holds', async () => {
    const name = fc.stringMatching(/^[a-z0-9._@+=-]{1,90}$/).filter((one) => !/^\.+$/.test(one));
    const contents = fc.dictionary(name, fc.uint8Array({ maxLength: 2000 }), {
      maxKeys: 6,
      noNullPrototype: true,
    });
    await fc.assert(
      fc.asyncProperty(contents, async (files) => {
        const file = fresh();
        writeFileSync(file, await tarOf(files));
        const directory = mkdtempSync(path.join(made, 'out-'));
        execFileSync('tar', ['-C', directory, '-xf', file]);
        const store = tarStore(file);
        for (const [one, bytes] of Object.entries(files)) {
          expect(readFileSync(path.join(directory, one)).equals(bytes)).toBe(true);
          const back = await readWhole(store.read(one), 1e6);
          expect(Buffer.from(back ?? []).equals(bytes)).toBe(true);
        }
        expect(await store.list('')).toHaveLength(Object.keys(files).length);
      }),
      { numRuns: 20 },
    );
  });

  it('with a file of more than 8 GiB is read, here and by stock tar', async () => {
    const length = 9 * 2 ** 30 + 5;
    const file = fresh();
    const tar = openSync(file, 'w');
    const header = await headerFor('large', length, new Date(0));
    writeSync(tar, header);
    writeSync(tar, Buffer.from('end'), 0, 3, header.length + length - 3);
    const after = header.length + padded(length);
    writeSync(tar, await headerFor('after', 0, new Date(0)), 0, 512, after);
    ftruncateSync(tar, after + 512 + 1024);
    closeSync(tar);
    const listed = execFileSync('tar', ['-tvf', file], { encoding: 'utf8' });
    expect(listed).toContain(` ${length} `);
    const store = tarStore(file);
    expect(await store.list('')).toEqual([
      { name: 'after', kind: 'file', length: 0 },
      { name: 'large', kind: 'file', length },
    ]);
    const range = { start: length - 3, end: length };
    const end = await readWhole(store.read('large', range), 9);
    expect(Buffer.from(end ?? []).toString()).toBe('end');
  });

  it('that is cut anywhere is reported as such, and never read as a shorter one', async () => {
    const whole = await tarOf({ a: Buffer.alloc(700, 'a'), b: Buffer.alloc(10, 'b') });
    const file = fresh();
    for (let length = 0; length < whole.length; length += 100) {
      writeFileSync(file, whole.subarray(0, length));
      expect(await codeOf(tarStore(file).list('')), `${length} bytes`).toBe('archive-damaged');
    }
    writeFileSync(file, whole);
    expect(await codeOf(tarStore(file).list(''))).toBe('no failure');
  });

  it('with a changed header is refused, unless the change means nothing', async () => {
    const whole = await tarOf({ a: Buffer.alloc(700, 'a'), b: Buffer.alloc(10, 'b') });
    const file = fresh();
    const second = 512 + 1024;
    let refused = 0;
    for (const start of [0, second]) {
      for (let at = start; at < start + 512; at += 7) {
        writeFileSync(file, whole.with(at, (whole[at] ?? 0) ^ 1));
        const code = await codeOf(tarStore(file).list(''));
        if (code === 'no failure') expect(await read(tarStore(file), 'b')).toBe('b'.repeat(10));
        else expect(['archive-damaged', 'not-an-archive']).toContain(code);
        refused += code === 'no failure' ? 0 : 1;
      }
    }
    expect(refused).toBeGreaterThan(140);
  });

  it('holds no links, devices or ways out of it', async () => {
    const directory = mkdtempSync(path.join(made, 'hostile-'));
    writeFileSync(path.join(directory, 'real'), 'real');
    const script = `cd "$1"; ln -s /etc/passwd link; ln real hard; mkfifo pipe
      tar --transform 's,^out,../out,' -P -cf "$2" real link hard pipe`;
    const file = fresh();
    execFileSync('sh', ['-c', script, 'sh', directory, file]);
    const store = tarStore(file);
    expect(await read(store, 'real')).toBe('real');
    expect((await store.list('')).map(({ name, kind }) => [name, kind])).toEqual([
      ['hard', 'other'],
      ['link', 'other'],
      ['pipe', 'other'],
      ['real', 'file'],
    ]);
    for (const name of ['link', 'hard', 'pipe'])
      expect(await codeOf(read(store, name))).toBe('read-failed');
    const outside = await tarOf({ '../out': Buffer.from('x'), '/etc/passwd': Buffer.from('x') });
    writeFileSync(file, outside);
    expect(await codeOf(read(tarStore(file), '../out'))).toBe('read-failed');
    expect(await codeOf(read(tarStore(file), '/etc/passwd'))).toBe('read-failed');
  });

  it('that names a file twice means the last one, as for stock tar', async () => {
    const file = fresh();
    const [first, second] = [
      await tarOf({ f: Buffer.from('first') }),
      await tarOf({ f: Buffer.from('second') }),
    ];
    writeFileSync(file, Buffer.concat([first.subarray(0, -1024), second]));
    expect(await read(tarStore(file), 'f')).toBe('second');
  });

  it('cannot claim a length that leads out of the file', async () => {
    const file = fresh();
    for (const length of [2 ** 40, Number.MAX_SAFE_INTEGER]) {
      const header = await headerFor('f', length, new Date(0));
      writeFileSync(file, Buffer.concat([header, Buffer.alloc(2048)]));
      expect(await codeOf(tarStore(file).list(''))).toBe('archive-damaged');
    }
    const header = Buffer.from(await headerFor('f', 0, new Date(0)));
    header.fill(0xff, 124, 136); // a negative length in base 256
    header.write('        ', 148);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    writeFileSync(file, Buffer.concat([header, Buffer.alloc(2048)]));
    // The library reads it as 0.
    const [entry] = await tarStore(file).list('');
    expect(Math.abs(entry?.length ?? 1)).toBe(0);
  });
});
