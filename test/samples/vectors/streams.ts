import type { CommandBody, StreamVersion } from '../../../src/sendstream/commands.ts';
import { encodeCommand, encodeHeader, sealCommand } from '../../../src/sendstream/writer.ts';
import type { SeekEntry } from '../../../src/zstd/seek-table.ts';
import { bytes, concat, streamOf } from '../../sendstream/streams.ts';
import {
  damaged,
  differs,
  type Expected,
  end,
  file,
  home,
  large,
  later,
  one,
  small,
  squeezed,
  subvol,
  text,
  tooNew,
  type Vector,
} from './vector.ts';

/** Archives whose parts, or whose stream, are not as they should be; all sums and seals fit. */

const table = damaged('seek-table-damaged', '0001.btrfs.zst');
const frame = damaged('frame-damaged', '0001.btrfs.zst');

/** With another byte at a place, from the end where that is negative. */
function poked(content: Uint8Array, at: number, value: number): Uint8Array {
  return new Uint8Array(content).with(at, value);
}

const entry = (change: (entry: SeekEntry) => Partial<SeekEntry>) => (entries: SeekEntry[]) =>
  entries.map((one) => ({ ...one, ...change(one) }));

const skippable = Uint8Array.of(0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 0);

const parts: Vector[] = [
  one('part-flipped', 'A bit of a frame was changed, before the sums were made.', frame, {
    part: (part) => poked(part, 60, (part[60] ?? 0) ^ 1),
  }),
  one(
    'part-sum',
    'A part has another SHA-256 than the manifest says.',
    damaged('part-damaged', '0001.btrfs.zst'),
    {
      manifest: ({ parts: list, ...manifest }) => ({
        ...manifest,
        parts: list.map((part) => ({ ...part, sha256: '0'.repeat(64) })),
      }),
    },
  ),
  one('table-missing', 'There is no seek table.', table, { table: () => new Uint8Array(0) }),
  one('table-magic', 'A seek table with another magic number at its end.', table, {
    table: (bytes) => poked(bytes, -1, 0),
  }),
  one('table-unchecked', 'A seek table that says it has no checksums.', table, {
    table: (bytes) => poked(bytes, -5, 0),
  }),
  one('table-count', 'A seek table of more frames than there are.', table, {
    table: (bytes) => poked(bytes, -9, 2),
  }),
  one('table-length', 'A seek table that tells of another length of stream.', table, {
    entries: entry(({ length }) => ({ length: length - 1 })),
  }),
  one('table-size', 'A seek table that tells of another stored size.', table, {
    entries: entry(({ size }) => ({ size: size - 1 })),
  }),
  one('table-checksum', 'A seek table with another checksum than the frame.', frame, {
    entries: entry(({ checksum }) => ({ checksum: checksum ^ 1 })),
  }),
  one('skippable', 'Another skippable frame before the seek table.', table, {
    table: (bytes) => concat(skippable, bytes),
  }),
  one('frame-no-checksum', 'A frame without the content checksum flag.', frame, {
    frame: (whole) => poked(whole.subarray(0, -4), 4, 0xa0),
  }),
  one('frame-checksum', 'A frame with another checksum at its end than its contents have.', frame, {
    frame: (whole) => poked(whole, -1, (whole.at(-1) ?? 0) ^ 1),
  }),
  one('frame-no-size', 'A frame that does not tell its content size.', frame, {
    frame: (whole) => concat(whole.subarray(0, 4), Uint8Array.of(0x04, 0x58), whole.subarray(9)),
  }),
  one('frame-other-size', 'A frame that tells another content size.', frame, {
    frame: (whole) => poked(whole, 5, (whole[5] ?? 0) + 1),
  }),
  one('frame-dictionary', 'A frame that names a dictionary.', frame, {
    frame: (whole) => concat(whole.subarray(0, 4), Uint8Array.of(0xa5, 7), whole.subarray(5)),
  }),
  one('frame-unfinished', 'A frame whose last block does not say so.', frame, {
    frame: (whole) => poked(whole, 9, (whole[9] ?? 0) & 0xfe),
  }),
  one(
    'frame-short',
    'A frame of 1 MiB that is not the last of the stream.',
    table,
    {
      frame: squeezed,
      partLength: 3 * 2 ** 20,
    },
    large,
  ),
  one('frames-hash', 'Another framesXxh64.', differs, {
    manifest: ({ stream, ...manifest }) => ({
      ...manifest,
      stream: { ...stream, framesXxh64: '0123456789abcdef' },
    }),
  }),
];

const malformed = damaged('stream-malformed');
const unsafe = damaged('stream-unsafe-path');
const made = (name: string, about: string, is: Expected, stream: Uint8Array) =>
  one(name, about, is, {}, stream);
const within = (...bodies: CommandBody[]) => streamOf(1, [subvol, ...bodies, end]);
/** With a command of any bytes before END. */
const withCommand = (command: Uint8Array, version: StreamVersion = 1) =>
  concat(
    encodeHeader(version),
    encodeCommand(subvol, version),
    command,
    encodeCommand(end, version),
  );
const attribute = (number: number, content: Uint8Array) =>
  concat(Uint8Array.of(number, 0, content.length & 0xff, content.length >> 8), content);
const [PATH, INO, MKFILE] = [15, 3, 3];
const ino = new Uint8Array(8);
const crcOf = 17 + 6;

const streams: Vector[] = [
  made(
    'end-missing',
    'END is missing.',
    damaged('stream-truncated'),
    streamOf(1, [subvol, file('letter')]),
  ),
  made(
    'end-cut',
    'Cut short within a command.',
    damaged('stream-truncated'),
    small.subarray(0, -4),
  ),
  made(
    'end-not-last',
    'A command comes behind END.',
    malformed,
    streamOf(1, [subvol, end, file('letter'), end]),
  ),
  made(
    'subvol-twice',
    'SUBVOL comes a second time.',
    malformed,
    within({ ...subvol, path: bytes('other') } as CommandBody),
  ),
  made('header-twice', 'Two streams, one behind the other.', malformed, concat(small, small)),
  made(
    'subvol-missing',
    'It begins with another command.',
    malformed,
    streamOf(1, [file('letter'), end]),
  ),
  made('no-stream', 'It does not begin as a stream does.', malformed, poked(small, 0, 0x42)),
  made(
    'protocol-3',
    'A version of the stream that nobody knows.',
    tooNew('stream-version'),
    poked(small, 13, 3),
  ),
  made(
    'protocol-2-command',
    'A command of version 2 in version 1.',
    malformed,
    withCommand(encodeCommand({ type: 'FILEATTR', path: bytes('letter'), fileattr: 0n }, 2)),
  ),
  made(
    'command-unknown',
    'A command that nobody knows.',
    malformed,
    withCommand(sealCommand(99, new Uint8Array(0))),
  ),
  one(
    'command-long',
    'A command of 65,537 bytes in version 1.',
    malformed,
    { frame: squeezed },
    withCommand(
      sealCommand(MKFILE, concat(attribute(PATH, new Uint8Array(65_511)), attribute(INO, ino))),
    ),
  ),
  made(
    'crc',
    'The CRC of a command does not fit.',
    damaged('stream-checksum'),
    poked(small, crcOf, (small[crcOf] ?? 0) ^ 1),
  ),
  made(
    'update-extent',
    'UPDATE_EXTENT in place of data.',
    differs,
    within(file('letter'), {
      type: 'UPDATE_EXTENT',
      path: bytes('letter'),
      fileOffset: 0n,
      size: 9n,
    }),
  ),
  made(
    'attribute-missing',
    'MKFILE without its inode number.',
    malformed,
    withCommand(sealCommand(MKFILE, attribute(PATH, bytes('letter')))),
  ),
  made(
    'attribute-twice',
    'MKFILE with two paths.',
    malformed,
    withCommand(
      sealCommand(
        MKFILE,
        concat(attribute(PATH, bytes('a')), attribute(INO, ino), attribute(PATH, bytes('b'))),
      ),
    ),
  ),
  made(
    'attribute-long',
    'An attribute that is longer than its command.',
    malformed,
    withCommand(sealCommand(MKFILE, Uint8Array.of(PATH, 0, 9, 0, 0x61))),
  ),
  made('path-up', 'A path with `..`.', unsafe, within(file('../letter'))),
  made('path-absolute', 'An absolute path.', unsafe, within(file('/etc/letter'))),
  made('path-empty', 'An empty path of a file.', unsafe, within(file(''))),
  made('path-long', 'A component of 256 bytes.', unsafe, within(file('x'.repeat(256)))),
  made(
    'path-of-clone',
    'A path to clone from with `..`.',
    unsafe,
    within(file('letter'), {
      type: 'CLONE',
      fileOffset: 0n,
      cloneLen: 4096n,
      path: bytes('letter'),
      cloneUuid: home,
      cloneCtransid: 7n,
      clonePath: bytes('../letter'),
      cloneOffset: 0n,
    }),
  ),
  made(
    'path-through-link',
    'A path through a symbolic link of the stream.',
    unsafe,
    within(
      { type: 'SYMLINK', path: bytes('way'), ino: 258n, pathLink: bytes('/etc') },
      file('way/letter'),
    ),
  ),
  made(
    'path-onto-link',
    'Data written to a symbolic link of the stream.',
    unsafe,
    within(
      { type: 'SYMLINK', path: bytes('way'), ino: 258n, pathLink: bytes('/etc/letter') },
      text('way'),
    ),
  ),
  made(
    'name-of-two',
    'A subvolume whose name has two components.',
    unsafe,
    streamOf(1, [{ ...subvol, path: bytes('home/1') } as CommandBody, end]),
  ),
];

const claims: Vector[] = [
  one('other-name', 'Another name than the stream has.', differs, { claim: { name: 'home.2' } }),
  one('other-uuid', 'Another UUID than the stream has.', differs, {
    manifest: (manifest) => ({ ...manifest, identity: { ...manifest.identity, uuid: later } }),
  }),
  one('other-ctransid', 'Another ctransid than the stream has.', differs, {
    manifest: (manifest) => ({ ...manifest, identity: { ...manifest.identity, ctransid: '8' } }),
  }),
  one('other-protocol', 'Another version than the stream has.', differs, {
    manifest: ({ stream, ...manifest }) => ({ ...manifest, stream: { ...stream, protocol: 2 } }),
  }),
  one('other-commands', 'Another number of commands than the stream has.', differs, {
    manifest: ({ stream, ...manifest }) => ({
      ...manifest,
      stream: { ...stream, commands: { ...stream.commands, WRITE: 2 } },
    }),
  }),
  one('other-data', 'Data that is said to travel compressed.', differs, {
    manifest: ({ stream, ...manifest }) => ({
      ...manifest,
      stream: { ...stream, compressedData: true },
    }),
  }),
];

export const streamVectors: readonly Vector[] = [...parts, ...streams, ...claims];
