import { execFileSync } from 'node:child_process';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { expect, test } from 'vitest';
import { encodeHeader } from '../../../src/sendstream/writer.ts';
import { withTemporary } from '../../archive/stored.ts';
import { forge } from '../../hostile/forge.ts';
import { btrferrySync } from '../../program.ts';
import { flip, MiB, streamOf, subvol, told, verify, withChain } from './chain.ts';

const where = 'streams/mon.11111111.full';
const again = `restore this file from another copy, or move ${where} out of the archive and export the snapshot again`;

test('a damaged seek table: nothing else is lost, and the advice restores it', () => {
  const { archive, directory, part } = withChain();
  flip(part('0001.btrfs.zst'), -1);
  const { exit, first } = verify(archive);
  expect(exit).toBe(4);
  expect(first).toMatchObject({ losses: [], intact: true });
  expect(first?.failures).toMatchObject([
    {
      code: 'seek-table-damaged',
      message: `${where}/0001.btrfs.zst: part does not end in a seek table`,
    },
  ]);
  const command = 'cat *.btrfs.zst | zstd -d | btrfs receive DIR';
  expect(first?.failures[0]?.hint).toBe(
    `${again}; only this index of the part is lost, so it can also be received by hand, in ${where}: ${command}`,
  );
  const lines = told(archive);
  expect(lines).toContain('  nothing is lost: the whole stream can be read all the same');
  expect(lines).toContain("  can't be imported without it: tue");
  expect(lines.filter((line) => line.endsWith(`: ${command}`))).toHaveLength(1);
  const { length } = JSON.parse(readFileSync(`${directory}/manifest.json`, 'utf8')).stream;
  execFileSync('sh', ['-c', 'cat *.btrfs.zst | zstd -dq >stream'], { cwd: directory });
  expect(readFileSync(`${directory}/stream`)).toHaveLength(length);
  expect(btrferrySync(['import', archive, '--dry-run']).exit).toBe(4);
});

test('zstd is not recommended if it would fail at the damaged seek table', () => {
  const { archive, part } = withChain();
  flip(part('0002.btrfs.zst'), -9 - 12 * 2 - 8);
  const { first } = verify(archive);
  expect(first).toMatchObject({ losses: [], intact: true });
  expect(new Set(first?.failures.map(({ hint }) => hint))).toEqual(new Set([again]));
});

test('restoring by hand is not recommended for a stream that import refuses', () => {
  const archive = withTemporary();
  const table = (bytes: Uint8Array) => bytes.with(-1, 0);
  forge(archive, streamOf(subvol, { '../one': 100 }), { directory: basename(where), table });
  const { first } = verify(archive);
  expect(first).toMatchObject({ intact: false, failures: [{ hint: again }] });
});

test('only SHA256SUMS: nothing is lost, and the advice says how to write it again', () => {
  const { archive, directory } = withChain();
  writeFileSync(`${directory}/SHA256SUMS`, 'x\n');
  const command = 'sha256sum *.btrfs.zst > SHA256SUMS';
  for (const options of [[], ['--quick']]) {
    const { exit, first, warnings } = verify(archive, ...options);
    expect(exit).toBe(0);
    expect(first).toMatchObject({ intact: true, losses: [], failures: [] });
    expect(warnings).toMatchObject([
      { code: 'sums-differ', hint: `write it anew, in ${where}: ${command}` },
    ]);
  }
  execFileSync('sh', ['-c', command], { cwd: directory });
  expect(verify(archive).warnings).toEqual([]);
});

test('a changed part: the advice does not repeat the command that just ran', () => {
  const { archive, directory, part } = withChain();
  rmSync(`${directory}/SHA256SUMS`);
  writeFileSync(part('0002.btrfs.zst'), 'x', { flag: 'a' });
  const { first, warnings } = verify(archive);
  expect(first?.failures.map(({ hint }) => hint)).toEqual([again]);
  expect(warnings.map(({ hint }) => hint)).toEqual([
    expect.stringMatching(/^when all else is mended, write it anew, .*: sha256sum /),
  ]);
  expect(JSON.stringify(first)).not.toContain('verify tells');
});

test('swapped parts are recognised, and the advice swaps them back', () => {
  const { archive, directory, part } = withChain({ partLength: 2 * MiB });
  renameSync(part('0001.btrfs.zst'), part('x'));
  renameSync(part('0002.btrfs.zst'), part('0001.btrfs.zst'));
  renameSync(part('x'), part('0002.btrfs.zst'));
  for (const options of [[], ['--quick']]) {
    const { exit, first } = verify(archive, ...options);
    expect(exit).toBe(4);
    const hint = `exchange the names of 0001.btrfs.zst and 0002.btrfs.zst in ${where}`;
    expect(first?.failures).toMatchObject([
      { message: `${where}/0001.btrfs.zst holds what 0002.btrfs.zst should`, hint },
      { message: `${where}/0002.btrfs.zst holds what 0001.btrfs.zst should`, hint },
    ]);
  }
  writeFileSync(part('0001.btrfs.zst'), readFileSync(part('0002.btrfs.zst')));
  writeFileSync(part('0003.btrfs.zst'), readFileSync(part('0004.btrfs.zst')));
  const { first } = verify(archive);
  const messages = first?.failures.map(({ message }) => message.replace(`${directory}/`, ''));
  expect(messages).toContain(`${where}/0003.btrfs.zst holds what 0004.btrfs.zst should`);
  expect(first?.failures.at(1)?.hint).toContain(again);
});

test('a spoiled header of the stream is lost', () => {
  const stream = streamOf(subvol, { one: 100 });
  stream.set(encodeHeader(2).subarray(0, 17), 0);
  const archive = withTemporary();
  forge(archive, stream, { manifest: (m) => ({ ...m, stream: { ...m.stream, protocol: 1 } }) });
  const { exit, first } = verify(archive);
  expect(exit).toBe(4);
  expect(first).toMatchObject({
    losses: [{ from: 0, to: 17, files: [], complete: true }],
    intact: false,
  });
});

test('lost small files cannot be named, and the report says so', () => {
  const files = Array.from({ length: 60 }, (_, at) => [`small.${at}`, 100] as const);
  const archive = withTemporary();
  const stream = streamOf(subvol, { big: 2 * MiB - 10_000, ...Object.fromEntries(files) });
  const directory = forge(archive, stream, { directory: 'mon.11111111.full' });
  flip(`${directory}/0001.btrfs.zst`, -1000);
  const { first } = verify(archive);
  expect(first?.losses).toHaveLength(1);
  rmSync(`${directory}/0001.btrfs.zst`);
  const gone = verify(archive).first;
  expect(gone?.losses).toMatchObject([{ from: 0, to: stream.length, files: [], complete: false }]);
  const lines = told(archive);
  expect(lines[lines.findIndex((line) => line.startsWith('  lost:')) + 1]).toBe(
    '    with any file whose commands lie wholly within these bytes',
  );
});
