import Type, { type Static } from 'typebox';
import { FRAME_SIZE } from '../zstd/frame.ts';
import { MAX_PARTS } from './format.ts';
import {
  count,
  features,
  identity,
  named,
  orNull,
  part,
  requirement,
  sha256,
  source,
  text,
  time,
  tool,
  u64,
  uuid,
  version,
} from './schema-definitions.ts';
import { entrySchema, fingerprintSchema } from './schema-fingerprint.ts';

/**
 * The schemas of the JSON documents of an archive. TypeScript types are derived from them, and so
 * is `manifest-schema.json`, which a test compares. The running program uses only the types, and
 * the validators that `compile.ts` makes.
 */

/** The members that a manifest and a segment begin with. */
const announced = {
  version,
  features: features(),
  name: text('Name of the subvolume, as in the first command of the stream.'),
  kind: Type.Union([Type.Literal('full'), Type.Literal('incremental')]),
  identity: identity(),
  parent: orNull(requirement()),
};

const protocol = Type.Union([Type.Literal(1), Type.Literal(2)], {
  description: 'Version in the header of the send stream.',
});

const framesXxh64 = Type.String({
  pattern: '^[0-9a-f]{16}$',
  description:
    "XXH64, seed 0, of the frames' checksums in order, each a u32 in little-endian; as hex.",
});

const compression = Type.Object({
  algorithm: Type.Literal('zstd'),
  level: orNull(Type.Integer({ minimum: 1, maximum: 22 })),
  frameSize: Type.Literal(FRAME_SIZE, {
    description: 'Bytes of stream in each frame but the last of the stream.',
  }),
});

const manifestSchema = Type.Object(
  {
    format: Type.Literal('btrferry/manifest'),
    ...announced,
    cloneSources: Type.Array(requirement()),
    stream: Type.Object({
      protocol,
      length: count('Bytes.', 1),
      framesXxh64,
      commands: Type.Record(Type.String({ pattern: '^[A-Z_]+$' }), count('How many.', 1)),
      compressedData: Type.Boolean({ description: 'Extents travel as the source stored them.' }),
    }),
    receiver: Type.Object(
      { btrfsProgs: Type.String({ pattern: '^[0-9]+(\\.[0-9]+)+$' }) },
      { description: 'The oldest btrfs-progs that can receive this stream.' },
    ),
    compression,
    parts: Type.Array(part(), { minItems: 1, maxItems: MAX_PARTS }),
    source: source(),
    tool: tool(),
    createdAt: time('When the stream was made.'),
    sha256,
  },
  { title: 'Btrferry manifest', description: 'One send stream in an archive.' },
);

const segmentSchema = Type.Object(
  {
    format: Type.Literal('btrferry/segment'),
    ...announced,
    cloneSources: Type.Array(requirement(), {
      description: 'Those that the stream has named so far.',
    }),
    stream: Type.Object(
      { protocol, length: count('Bytes.', FRAME_SIZE), framesXxh64 },
      { description: 'The stream up to the end of this segment.' },
    ),
    compression,
    parts: Type.Array(part(), {
      minItems: 1,
      maxItems: MAX_PARTS,
      description: 'All parts up to the end of this segment, on earlier media too.',
    }),
    span: Type.Object({
      number: count('The place of this medium among those of the stream, from 1.', 1),
      next: orNull(
        Type.Object(
          {
            id: orNull(uuid('The id of that archive; null if it is not made yet.')),
            label: orNull(Type.String()),
          },
          { description: 'The medium where the stream continues; null if that is unknown.' },
        ),
      ),
    }),
    source: source(),
    tool: tool(),
    createdAt: time('When the segment was made.'),
    sha256,
  },
  { title: 'Btrferry segment', description: 'The beginning of a stream that continues elsewhere.' },
);

const headerSchema = Type.Object(
  {
    format: Type.Literal('btrferry/archive'),
    version,
    features: features(),
    id: uuid('Random, made with the archive.'),
    label: Type.Optional(Type.String()),
    tool: tool(),
    createdAt: time('When the archive was made.'),
    sha256,
  },
  { title: 'Btrferry archive header', description: 'btrferry.json at the top of an archive.' },
);

const received = () =>
  Type.Object({
    uuid: uuid('Received UUID, which a stream of it announces.'),
    ctransid: u64('The ctransid that a stream of it announces, as this filesystem counts.'),
    sendTransid: u64('The ctransid under which it was announced to this filesystem.'),
  });

const receiptSchema = Type.Object(
  {
    format: Type.Literal('btrferry/receipt'),
    version,
    filesystem: uuid('UUID of the destination filesystem.'),
    label: Type.Optional(text('Its label. Absent if it has none.')),
    host: Type.Optional(text('Name of the machine that it was mounted on.')),
    subvolumes: Type.Array(
      Type.Object({
        ...received().properties,
        localUuid: uuid('UUID at the destination.'),
        path: text('Path from the top level of the destination filesystem.'),
      }),
      { description: 'Every subvolume there that is what its received UUID says.' },
    ),
    former: Type.Optional(
      Type.Array(received(), {
        description: 'What an earlier receipt listed, and is no longer there. Oldest first.',
      }),
    ),
    tool: tool(),
    createdAt: time('When the destination was looked at.'),
    sha256,
  },
  { title: 'Btrferry receipt', description: 'What a destination has.' },
);

export type { Fingerprint, TreeLine } from './schema-fingerprint.ts';

export type Manifest = Static<typeof manifestSchema>;
export type Segment = Static<typeof segmentSchema>;
export type ArchiveHeader = Static<typeof headerSchema>;
export type Receipt = Static<typeof receiptSchema>;
export type ManifestPart = Manifest['parts'][number];
export type ManifestRequirement = Manifest['cloneSources'][number];

/** The published schema: a manifest, with the archive header and the receipt beside it. */
export const publishedSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  ...manifestSchema,
  $defs: {
    segment: segmentSchema,
    header: headerSchema,
    receipt: receiptSchema,
    fingerprint: fingerprintSchema,
    entry: entrySchema,
    ...named,
  },
};
