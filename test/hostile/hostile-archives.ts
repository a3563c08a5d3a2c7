import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FailureCode } from '../../src/failure/failure.ts';
import type { Unsealed } from '../../src/manifest/document.ts';
import type { Manifest } from '../../src/manifest/schema.ts';
import { end, other, streamOf, subvol } from '../sendstream/streams.ts';
import { type Forgery, forge, storedFrame } from './forge.ts';
import { mkfile, write } from './hostile-streams.ts';

/** Archives whose stream is good, and whose files are not what they seem. */
export interface HostileArchive {
  readonly name: string;
  /** Makes it; the directory is there, and empty. */
  readonly make: (archive: string) => void;
  /** Why it is refused. */
  readonly code: FailureCode;
  /** What `verify` finds, where that is something else; null: nothing is damaged. */
  readonly found?: FailureCode | null;
}

export const goodStream = streamOf(2, [
  subvol,
  mkfile('f'),
  write('f', Buffer.alloc(20_000, 'good ')),
  end,
]);

const forged = (name: string, code: FailureCode, forgery: Forgery): HostileArchive => ({
  name,
  code,
  make: (archive) => void forge(archive, goodStream, forgery),
});

/** Claims throughout that the stream has this length. */
const lengthClaimed = (streamLength: number): Pick<Forgery, 'manifest' | 'entries'> => ({
  entries: (entries) => entries.map((entry) => ({ ...entry, length: streamLength })),
  manifest: (manifest) => ({
    ...manifest,
    stream: { ...manifest.stream, length: streamLength },
    parts: manifest.parts.map((part) => ({ ...part, streamLength })),
  }),
});

const MAGIC = [0x28, 0xb5, 0x2f, 0xfd];

/** A frame of blocks that each stand for 128 KiB of one byte. `content`: the size it claims. */
function bomb(blocks: number, content: Buffer, descriptor: number): Uint8Array {
  const block = (last: boolean) => {
    const word = ((128 * 1024) << 3) | (1 << 1) | (last ? 1 : 0);
    return [word & 0xff, (word >> 8) & 0xff, word >> 16, 0x61];
  };
  const all = Array.from({ length: blocks }, (_, i) => Buffer.from(block(i === blocks - 1)));
  return Buffer.concat([Buffer.from([...MAGIC, descriptor]), content, ...all]);
}

const u32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};
const u64 = (value: bigint) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
};
/** Single segment, with a content size of four or eight bytes. */
const [IN_FOUR, IN_EIGHT] = [0xa0, 0xe0];

/** Writes a little-endian number into a copy, at an offset from the end. */
function poked(bytes: Uint8Array, fromEnd: number, value: number): Uint8Array {
  const copy = Buffer.from(bytes);
  copy.writeUInt32LE(value, copy.length - fromEnd);
  return copy;
}

const frames: HostileArchive[] = [
  forged('a frame that says it is small', 'frame-damaged', {
    frame: (frame) => poked(frame, frame.length - 5, 10),
  }),
  forged('a frame that says it is huge', 'frame-damaged', {
    frame: (frame) =>
      Buffer.concat([Buffer.from([...MAGIC, IN_EIGHT]), u64(1n << 50n), frame.subarray(9)]),
  }),
  forged('a frame of 2^64 - 1 bytes', 'frame-damaged', {
    frame: (frame) =>
      Buffer.concat([Buffer.from([...MAGIC, IN_EIGHT]), u64(2n ** 64n - 1n), frame.subarray(9)]),
  }),
  forged('a frame and a table that both say too little', 'frame-damaged', {
    frame: (frame) => poked(frame, frame.length - 5, 100),
    ...lengthClaimed(100),
  }),
  forged('a frame and a table that both say too much', 'frame-damaged', {
    frame: (frame) => poked(frame, frame.length - 5, 2 ** 21),
    ...lengthClaimed(2 ** 21),
  }),
  forged('a frame and a table that both say 4 GiB', 'seek-table-damaged', {
    frame: (frame) => poked(frame, frame.length - 5, 2 ** 32 - 1),
    ...lengthClaimed(2 ** 32 - 1),
  }),
  forged('a bomb of 1.2 GiB that says it is small', 'frame-damaged', {
    frame: () => bomb(10_000, u32(1000), IN_FOUR),
    ...lengthClaimed(1000),
  }),
  forged('a bomb of 1.2 GiB that says it is a frame of ours', 'frame-damaged', {
    frame: () => bomb(10_000, u32(2 ** 21), IN_FOUR),
    ...lengthClaimed(2 ** 21),
  }),
  forged('a bomb that says what it is', 'frame-damaged', {
    frame: () => bomb(10_000, u32(10_000 * 128 * 1024), IN_FOUR),
  }),
  forged('a bomb that does not say its size, with a window of 2 GiB', 'frame-damaged', {
    frame: () => bomb(10_000, Buffer.from([21 << 3]), 0),
  }),
  forged('a frame that does not say its size', 'frame-damaged', {
    frame: (frame) => Buffer.concat([Buffer.from([...MAGIC, 0, 88]), frame.subarray(9)]),
  }),
  forged('a frame that needs a dictionary', 'frame-damaged', {
    frame: (frame) =>
      Buffer.concat([
        Buffer.from([...MAGIC, IN_FOUR | 1, 7]),
        u32(goodStream.length),
        frame.subarray(9),
      ]),
  }),
  forged('a frame with the reserved bit', 'frame-damaged', {
    frame: (frame) => Buffer.from(frame).fill(IN_FOUR | 8, 4, 5),
  }),
  forged('a frame with a block of the reserved type', 'frame-damaged', {
    frame: (frame) => Buffer.from(frame).fill(7, 9, 10),
  }),
  forged('a frame without its last block', 'frame-damaged', {
    frame: (frame) => Buffer.from(frame).fill((frame[9] ?? 0) & ~1, 9, 10),
  }),
  forged('a frame with something behind it', 'frame-damaged', {
    frame: (frame) => Buffer.concat([frame, Buffer.from('more')]),
  }),
  forged('two frames in the place of one', 'frame-damaged', {
    frame: (frame) => Buffer.concat([frame, frame]),
  }),
  forged('a skippable frame in the place of one', 'frame-damaged', {
    frame: (frame) =>
      Buffer.concat([Buffer.from([0x50, 0x2a, 0x4d, 0x18]), u32(frame.length), frame]),
  }),
  forged('anything else in the place of a frame', 'frame-damaged', {
    frame: (frame) => Buffer.alloc(frame.length, 'x'),
  }),
  forged('a frame of another stream', 'frame-damaged', {
    frame: (_, plain) => storedFrame(Buffer.from(plain).fill(1, 90)),
  }),
];

const tables: HostileArchive[] = [
  ...[2 ** 32 - 1, 2 ** 31, 2 ** 20, 2, 0].map((frames) =>
    forged(`a seek table of ${frames} frames`, 'seek-table-damaged', {
      table: (table) => poked(table, 9, frames),
    }),
  ),
  forged('a seek table of another magic', 'seek-table-damaged', {
    table: (table) => poked(table, table.length, 0x184d2a5f),
  }),
  forged('a seek table that says another size', 'seek-table-damaged', {
    table: (table) => poked(table, table.length - 4, 2 ** 32 - 1),
  }),
  forged('a seek table without checksums', 'seek-table-damaged', {
    table: (table) => Buffer.from(table).fill(0, table.length - 5, table.length - 4),
  }),
  forged('a seek table with reserved bits', 'seek-table-damaged', {
    table: (table) => Buffer.from(table).fill(0xff, table.length - 5, table.length - 4),
  }),
  forged('no seek table', 'seek-table-damaged', { table: () => Buffer.alloc(0) }),
  forged('half a seek table', 'seek-table-damaged', { table: (table) => table.subarray(6) }),
  forged('two seek tables', 'seek-table-damaged', {
    table: (table) => Buffer.concat([table, table]),
  }),
  forged('a part of nothing', 'seek-table-damaged', { part: () => Buffer.alloc(0) }),
  ...[0, 1, 2 ** 21 + 2 ** 17, 2 ** 32 - 1].map((size) =>
    forged(`a frame stored in ${size} bytes`, 'seek-table-damaged', {
      entries: (entries) => entries.map((entry) => ({ ...entry, size })),
    }),
  ),
  ...[0, 1, 2 ** 21 + 1, 2 ** 32 - 1].map((length) =>
    forged(`a frame of ${length} bytes of stream`, 'seek-table-damaged', {
      entries: (entries) => entries.map((entry) => ({ ...entry, length })),
    }),
  ),
  forged('another checksum', 'frame-damaged', {
    entries: (entries) => entries.map((entry) => ({ ...entry, checksum: entry.checksum ^ 1 })),
  }),
  forged('a frame that stands twice in the table', 'seek-table-damaged', {
    entries: (entries) => [...entries, ...entries],
  }),
];

/** A manifest with other members, whatever the schema says, sealed. */
const described = (name: string, change: (manifest: Unsealed<Manifest>) => object) =>
  forged(`a manifest with ${name}`, 'manifest-damaged', {
    manifest: (manifest) => ({ ...manifest, ...change(manifest) }),
  });

const onPart = (change: object) => (manifest: Unsealed<Manifest>) => ({
  parts: manifest.parts.map((part) => ({ ...part, ...change })),
});
const onStream = (change: object) => (manifest: Unsealed<Manifest>) => ({
  stream: { ...manifest.stream, ...change },
});

/** So deep that whoever follows it by recursion runs out of stack. */
const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
const HOLE = '"a hole"';

/** Puts text of any depth into a sealed document: it is sealed with a hole, which is then filled. */
const bottomless = (name: string, change: object): HostileArchive => ({
  name: `a manifest that is bottomless in ${name}`,
  code: 'manifest-damaged',
  make: (archive) =>
    void forge(archive, goodStream, {
      manifest: (manifest) => ({ ...manifest, ...change }),
      text: (sealed) => resealed(sealed.replace(HOLE, deep)),
    }),
});

function resealed(text: string): string {
  const open = text.replace(
    /"sha256": "[0-9a-f]{64}"(?=\s*\}\s*$)/,
    `"sha256": "${'0'.repeat(64)}"`,
  );
  const sum = execFileSync('sha256sum', { input: open, encoding: 'utf8' }).slice(0, 64);
  return open.replace(/"sha256": "0{64}"(?=\s*\}\s*$)/, `"sha256": "${sum}"`);
}

const manifests: HostileArchive[] = [
  ...[
    '../../../outside/sentinel',
    '../other.22222222.full/0001.btrfs.zst',
    '/etc/passwd',
    '..',
    '.',
    '',
    '0001.btrfs.zst/../../x',
    '0001.btrfs.zst\0',
    '0001.btrfs.zst\n',
    './0001.btrfs.zst',
    '..\\..\\0001.btrfs.zst',
    '0002.btrfs.zst',
    'manifest.json',
    7,
    null,
    ['0001.btrfs.zst'],
  ].map((file) => described(`a part called ${JSON.stringify(file)}`, onPart({ file }))),
  ...[-1, 1.5, 1e300, 2 ** 53, '7', null, {}].flatMap((length) => [
    described(`a stream of ${JSON.stringify(length)} bytes`, onStream({ length })),
    described(`a part of ${JSON.stringify(length)} bytes`, onPart({ length })),
    described(`a part at ${JSON.stringify(length)}`, onPart({ offset: length })),
    described(
      `a part that holds ${JSON.stringify(length)} bytes`,
      onPart({ streamLength: length }),
    ),
  ]),
  described('a part that begins elsewhere', onPart({ offset: 1 })),
  described('parts that overlap', ({ parts }) => ({ parts: [...parts, ...parts] })),
  described('no parts', () => ({ parts: [] })),
  described('10,000 parts', ({ parts: [part] }) => ({ parts: new Array(10_000).fill(part) })),
  described('parts of another kind', () => ({ parts: { length: 1, 0: 'x' } })),
  ...['../../outside', 'B0161B76-A3B6-9843-9F8F-2F0FF33BE621', '', ' ', 7, null].map((uuid) =>
    described(`a UUID ${JSON.stringify(uuid)}`, () => ({ identity: { uuid, ctransid: '7' } })),
  ),
  ...['-1', '1e3', '0x7', '07', '', 7, null, '1'.repeat(1000)].map((ctransid) =>
    described(`a ctransid ${JSON.stringify(ctransid).slice(0, 20)}`, ({ identity }) => ({
      identity: { ...identity, ctransid },
    })),
  ),
  described('a parent, of a full stream', ({ identity }) => ({ parent: identity })),
  described('no parent, of an incremental stream', () => ({ kind: 'incremental' })),
  described('a kind that there is not', () => ({ kind: 'partial' })),
  described('a name that is a number', () => ({ name: 7 })),
  described('a name of no Base64', () => ({ name: { base64: '../../x' } })),
  described('a protocol of the future', onStream({ protocol: 3 })),
  described('no length', onStream({ length: undefined })),
  described('another format', () => ({ format: 'btrferry/archive' })),
  described('version 0', () => ({ version: 0 })),
  described('a version that is text', () => ({ version: '1' })),
  bottomless('a member nobody knows', { later: 'a hole' }),
  bottomless('its name', { name: { base64: 'Zm9yZ2Vk', later: 'a hole' } }),
  bottomless('its parent', {
    kind: 'incremental',
    parent: { uuid: other, ctransid: '7', later: 'a hole' },
  }),
  ...['', '{}', '[]', 'null', '7', '"x"', '{"a":'].map((text) =>
    forged(`a manifest ${JSON.stringify(text)}`, 'manifest-damaged', { text: () => text }),
  ),
  forged('a manifest of nothing but brackets', 'manifest-damaged', { text: () => deep }),
  forged('a manifest of 17 MiB', 'manifest-damaged', {
    text: (sealed) => sealed + ' '.repeat(17 * 2 ** 20),
  }),
  forged('a manifest of 10 MiB of seals', 'manifest-damaged', {
    text: () => `{"a": [${'"sha256": "0123456789abcdef"  }   \n'.repeat(2 ** 18)}`,
  }),
  forged('a manifest that is no text', 'manifest-damaged', {
    text: () => Buffer.of(0xff, 0xfe, 0),
  }),
  forged('a manifest without its seal', 'manifest-damaged', {
    text: (sealed) => sealed.replace(/,\s*"sha256": "[0-9a-f]{64}"(?=\s*\}\s*$)/, ''),
  }),
  forged('a manifest edited after it was sealed', 'manifest-damaged', {
    text: (sealed) => sealed.replace('"full"', '"fuII"'),
  }),
  forged('a manifest of the future', 'format-version', {
    manifest: (manifest) => ({ ...manifest, version: 2 }),
  }),
  forged('a manifest of version 10^300', 'format-version', {
    manifest: (manifest) => ({ ...manifest, version: 1e300 }),
  }),
  {
    ...forged('a stream for btrfs-progs of the future', 'btrfs-progs', {
      claim: { receiver: { btrfsProgs: '999999999999999999999.0' } },
    }),
    found: null,
  },
];

const inner = (archive: string, path: string) =>
  join(archive, 'streams/forged.11111111.full', path);

/** What stands in the place of a file or directory of a good archive. */
const replaced = (
  what: string,
  path: string,
  codes: Pick<HostileArchive, 'code' | 'found'>,
): HostileArchive[] => {
  const by = (how: string, put: (at: string, moved: string) => void): HostileArchive => ({
    name: `${how} in the place of ${what}`,
    ...codes,
    make: (archive) => {
      forge(archive, goodStream);
      const at = join(archive, path);
      const moved = `${archive}/moved`;
      renameSync(at, moved);
      put(at, moved);
    },
  });
  return [
    by('a symlink to the very same', (at, moved) => symlinkSync(moved, at)),
    by('a symlink to nothing', (at) => symlinkSync('/nonexistent', at)),
    by('a symlink to itself', (at) => symlinkSync(at, at)),
    by('a named pipe', (at) => execFileSync('mkfifo', [at])),
    by('a device', (at) => execFileSync('mknod', [at, 'c', '1', '5'])),
  ];
};

const files: HostileArchive[] = [
  ...replaced('a part', 'streams/forged.11111111.full/0001.btrfs.zst', { code: 'part-missing' }),
  ...replaced('SHA256SUMS', 'streams/forged.11111111.full/SHA256SUMS', { code: 'read-failed' }),
  ...replaced('a manifest', 'streams/forged.11111111.full/manifest.json', { code: 'read-failed' }),
  ...replaced("a stream's directory", 'streams/forged.11111111.full', { code: 'read-failed' }),
  ...replaced('streams', 'streams', { code: 'read-failed' }),
  ...replaced('btrferry.json', 'btrferry.json', { code: 'read-failed' }),
  {
    name: 'a directory in the place of a manifest',
    code: 'read-failed',
    make: (archive) => {
      forge(archive, goodStream);
      rmSync(inner(archive, 'manifest.json'));
      mkdirSync(inner(archive, 'manifest.json'));
    },
  },
  {
    name: 'a directory in the place of a part',
    code: 'part-missing',
    make: (archive) => {
      forge(archive, goodStream);
      rmSync(inner(archive, '0001.btrfs.zst'));
      mkdirSync(inner(archive, '0001.btrfs.zst'));
    },
  },
  {
    name: 'a directory in the place of SHA256SUMS',
    code: 'read-failed',
    make: (archive) => {
      forge(archive, goodStream);
      rmSync(inner(archive, 'SHA256SUMS'));
      mkdirSync(inner(archive, 'SHA256SUMS'));
    },
  },
  {
    name: 'SHA256SUMS of 1 GiB',
    code: 'part-damaged',
    make: (archive) => {
      forge(archive, goodStream);
      execFileSync('truncate', ['-s', '1G', inner(archive, 'SHA256SUMS')]);
    },
  },
  {
    name: 'a part that is one of another stream, under a manifest of its own',
    code: 'stream-differs-from-manifest',
    make: (archive) => {
      forge(archive, goodStream, { claim: { identity: { uuid: other, ctransid: '7' } } });
    },
  },
  {
    name: 'a file that only looks like the archive',
    code: 'manifest-damaged',
    make: (archive) => {
      forge(archive, goodStream);
      writeFileSync(join(archive, 'btrferry.json'), `${deep}\n`);
    },
  },
];

export const hostileArchives: readonly HostileArchive[] = [
  ...frames,
  ...tables,
  ...manifests,
  ...files,
];
