import Type, { type Static } from 'typebox';
import { FORMAT_VERSION, MAX_PARTS } from './format.ts';

/**
 * The JSON documents of an archive, as schemas. The TypeScript types are derived from them, and
 * `manifest-schema.json` at the top of the repository is what they emit; a test holds the two
 * together. A running program has only the types from here, and what `compile.ts` makes of them.
 */

const count = (description: string) =>
  Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description });

const uuid = (description: string) =>
  Type.String({
    pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$',
    description,
  });

const u64 = (description: string) =>
  Type.String({
    pattern: '^(0|[1-9][0-9]{0,19})$',
    description: `${description} A u64 in decimal, as text, since JSON numbers lose digits.`,
  });

const time = (description: string) =>
  Type.String({
    pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]+)?Z$',
    description: `${description} ISO 8601, UTC.`,
  });

const version = Type.Literal(FORMAT_VERSION, { description: 'Version of the archive format.' });

const sha256 = Type.String({
  pattern: '^[0-9a-f]{64}$',
  description:
    'The last member: SHA-256 of this very file with these 64 digits replaced by zeros, so that any change of it is found.',
});

const tool = Type.Object(
  { name: Type.String(), version: Type.String() },
  { description: 'The program that wrote this.' },
);

const text = (description: string) =>
  Type.Union(
    [Type.String(), Type.Object({ base64: Type.String({ pattern: '^[A-Za-z0-9+/]+=*$' }) })],
    {
      description: `${description} Text where its bytes are valid UTF-8, else { "base64" }.`,
    },
  );

const sendTransid = Type.Union(
  [
    u64(
      'Another ctransid of the same state: the one under which it was announced to the filesystem that counts here, which received it.',
    ),
    Type.Null(),
  ],
  { description: 'Null where that filesystem did not receive it, or where it is unknown.' },
);

const identity = Type.Object(
  {
    uuid: uuid('UUID that the stream announces: the received UUID for a received snapshot.'),
    ctransid: u64('Transaction of its last change, as the producing filesystem counts.'),
    sendTransid,
  },
  { description: 'What a stream announces for its subvolume.' },
);

const requirement = Type.Object(
  {
    uuid: uuid('UUID of the required subvolume.'),
    ctransid: u64('Its ctransid at the producing filesystem.'),
    sendTransid,
    name: Type.Optional(text('Its title at the producing filesystem, for people.')),
  },
  { description: 'An identity that the destination must have.' },
);

const part = Type.Object(
  {
    file: Type.String({ pattern: '^[0-9]{4}\\.btrfs\\.zst$' }),
    length: count('Bytes as stored.'),
    sha256: Type.String({ pattern: '^[0-9a-f]{64}$', description: 'Of the bytes as stored.' }),
    offset: count('Where its first byte lies in the stream.'),
    streamLength: count('Bytes of the stream it holds.'),
  },
  { description: 'One stored file of the stream.' },
);

const source = Type.Object(
  {
    filesystem: uuid('UUID of the producing filesystem.'),
    host: Type.Union([text('Host name of the producer.'), Type.Null()]),
    path: text('Absolute path of the snapshot when it was exported, as it was mounted.'),
    pathInFilesystem: text(
      'Its path from the top level of its filesystem, without a slash in front.',
    ),
    uuid: uuid('Its own UUID.'),
    receivedUuid: Type.Union([uuid('Its received UUID.'), Type.Null()]),
    parentUuid: Type.Union([uuid('UUID of the subvolume it is a snapshot of.'), Type.Null()]),
    generation: u64('Its generation.'),
    creationGeneration: u64('Its generation at creation.'),
    createdAt: Type.Union([time('When the snapshot was made.'), Type.Null()]),
  },
  { description: 'The snapshot where the stream was made.' },
);

const manifestSchema = Type.Object(
  {
    format: Type.Literal('btrferry/manifest'),
    version,
    name: text('Name of the subvolume, as in the first command of the stream.'),
    kind: Type.Union([Type.Literal('full'), Type.Literal('incremental')]),
    identity,
    parent: Type.Union([requirement, Type.Null()]),
    cloneSources: Type.Array(requirement),
    stream: Type.Object({
      protocol: Type.Union([Type.Literal(1), Type.Literal(2)], {
        description: 'Version in the header of the send stream.',
      }),
      length: count('Bytes.'),
      framesXxh64: Type.String({
        pattern: '^[0-9a-f]{16}$',
        description:
          "XXH64, seed 0, of the frames' checksums in order, each a u32 in little-endian; as hex.",
      }),
      commands: Type.Record(Type.String({ pattern: '^[A-Z_]+$' }), count('How many.')),
      compressedData: Type.Boolean({ description: 'Extents travel as the source stored them.' }),
    }),
    receiver: Type.Object(
      { btrfsProgs: Type.String({ pattern: '^[0-9]+(\\.[0-9]+)+$' }) },
      { description: 'The oldest btrfs-progs that can receive this stream.' },
    ),
    compression: Type.Object({
      algorithm: Type.Literal('zstd'),
      level: Type.Integer({ minimum: 1, maximum: 22 }),
      frameSize: count('Bytes of stream in each frame but the last.'),
    }),
    parts: Type.Array(part, { minItems: 1, maxItems: MAX_PARTS }),
    source,
    tool,
    createdAt: time('When the stream was made.'),
    sha256,
  },
  { title: 'Btrferry manifest', description: 'One send stream in an archive.' },
);

const headerSchema = Type.Object(
  {
    format: Type.Literal('btrferry/archive'),
    version,
    id: uuid('Random, made with the archive.'),
    label: Type.Optional(Type.String()),
    tool,
    createdAt: time('When the archive was made.'),
    sha256,
  },
  { title: 'Btrferry archive header', description: 'btrferry.json at the top of an archive.' },
);

const receiptSchema = Type.Object(
  {
    format: Type.Literal('btrferry/receipt'),
    version,
    filesystem: uuid('UUID of the destination filesystem.'),
    subvolumes: Type.Array(
      Type.Object({
        uuid: uuid('Received UUID, which a stream of it announces.'),
        ctransid: u64('The ctransid that a stream of it announces, as this filesystem counts.'),
        sendTransid: u64('The ctransid under which it was announced to this filesystem.'),
        localUuid: uuid('UUID at the destination.'),
        path: text('Path from the top level of the destination filesystem.'),
      }),
      { description: 'Every subvolume there that is what its received UUID says.' },
    ),
    tool,
    createdAt: time('When the destination was looked at.'),
    sha256,
  },
  { title: 'Btrferry receipt', description: 'What a destination has.' },
);

export type Manifest = Static<typeof manifestSchema>;
export type ArchiveHeader = Static<typeof headerSchema>;
export type Receipt = Static<typeof receiptSchema>;
export type ManifestPart = Static<typeof part>;
export type ManifestRequirement = Static<typeof requirement>;

/** The schema as published: a manifest, with the archive header and the receipt beside it. */
export const publishedSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  ...manifestSchema,
  $defs: { header: headerSchema, receipt: receiptSchema },
};
