import Type, { type Static } from 'typebox';
import { FRAME_SIZE } from '../zstd/frame.ts';
import { MAX_PARTS } from './format.ts';
import {
  count,
  define,
  digest,
  features,
  identity,
  sha256,
  source,
  text,
  time,
  tool,
  u64,
  version,
} from './schema-definitions.ts';

/** The schemas of a fingerprint: its document, and the lines that its parts hold. */

const treePart = define(
  'treePart',
  Type.Object(
    {
      file: Type.String({
        pattern: '^[0-9]{4}\\.tree\\.zst$',
        description: 'Its place in the fingerprint, from 0001.',
      }),
      length: count('Bytes as stored.', 1),
      sha256: digest('Of the bytes as stored.'),
      offset: count('Where its first byte lies in the lines.'),
      streamLength: count('Bytes of lines it holds.', 1),
    },
    { description: 'One stored file of a fingerprint.' },
  ),
);

export const fingerprintSchema = Type.Object(
  {
    format: Type.Literal('btrferry/fingerprint'),
    version,
    features: features(),
    name: text('Name of the subvolume.'),
    identity: identity(),
    blockSize: count('Bytes of a block: each block of a file has a SHA-256 of its own.', 4096),
    sectorSize: count('Bytes of a sector of its filesystem: clones begin and end on one.', 512),
    tree: Type.Object(
      {
        entries: count('How many lines begin an entry.', 1),
        bytes: count('Bytes of contents that were hashed.'),
        length: count('Bytes of all lines.', 1),
        framesXxh64: Type.String({
          pattern: '^[0-9a-f]{16}$',
          description: 'As in a manifest.',
        }),
      },
      { description: 'What the parts hold: JSON lines, see $defs/entry.' },
    ),
    compression: Type.Object({
      algorithm: Type.Literal('zstd'),
      level: Type.Integer({ minimum: 1, maximum: 22 }),
      frameSize: Type.Literal(FRAME_SIZE),
    }),
    parts: Type.Array(treePart(), { minItems: 1, maxItems: MAX_PARTS }),
    source: source(),
    tool: tool(),
    createdAt: time('When the fingerprint was made.'),
    sha256,
  },
  { title: 'Btrferry fingerprint', description: 'What one snapshot holds, without its contents.' },
);

const permissions = Type.Integer({
  minimum: 0,
  maximum: 0o7777,
  description: 'Permission bits, with set-user-ID, set-group-ID and the sticky bit.',
});

const base64 = (description: string) =>
  Type.String({ pattern: '^[A-Za-z0-9+/]*={0,2}$', contentEncoding: 'base64', description });

export const entrySchema = Type.Object(
  {
    path: Type.Optional(text('Path in the snapshot; empty for its root.')),
    type: Type.Optional(
      Type.Union(
        [
          Type.Literal('directory'),
          Type.Literal('file'),
          Type.Literal('symlink'),
          Type.Literal('character'),
          Type.Literal('block'),
          Type.Literal('fifo'),
          Type.Literal('socket'),
          Type.Literal('link'),
          Type.Literal('subvolume'),
        ],
        { description: 'A link is a further name of an inode; a subvolume is a nested one.' },
      ),
    ),
    mode: Type.Optional(permissions),
    uid: Type.Optional(Type.Integer({ minimum: 0, maximum: 2 ** 32 - 2 })),
    gid: Type.Optional(Type.Integer({ minimum: 0, maximum: 2 ** 32 - 2 })),
    mtime: Type.Optional(
      Type.String({ pattern: '^-?[0-9]{1,28}$', description: 'Nanoseconds since 1970.' }),
    ),
    xattrs: Type.Optional(
      Type.Array(Type.Object({ name: text(), value: base64('Its bytes.') }), {
        description: 'Extended attributes, sorted by name; absent if there are none.',
      }),
    ),
    size: Type.Optional(count('Bytes of a file.')),
    nocow: Type.Optional(
      Type.Boolean({
        description: 'Btrfs keeps no checksums of this file, or of new files in the top.',
      }),
    ),
    immutable: Type.Optional(
      Type.Boolean({ description: 'Not even root may change it (chattr +i or +a, or fs-verity).' }),
    ),
    sha256: Type.Optional(
      Type.String({
        pattern: '^([0-9a-f]{64})*$',
        description: 'The SHA-256 of each block of a file. Holes count as zeros.',
      }),
    ),
    target: Type.Optional(text('Target of a symbolic link.')),
    device: Type.Optional(u64('The numbers of a device, as stat(2) gives them in one.')),
    first: Type.Optional(text('Path of the first name of an inode that has several.')),
  },
  {
    title: 'Btrferry fingerprint entry',
    description:
      'One line of the parts of a fingerprint. A line with nothing but sha256 continues the file before it.',
  },
);

export type Fingerprint = Static<typeof fingerprintSchema>;
export type TreeLine = Static<typeof entrySchema>;
