import Type, { type Static, type TSchema } from 'typebox';
import { FRAME_SIZE } from '../zstd/frame.ts';
import { FORMAT_VERSION, MAX_PARTS } from './format.ts';

/**
 * The schemas of the JSON documents of an archive. TypeScript types are derived from them, and so
 * is `manifest-schema.json`, which a test compares. The running program uses only the types, and
 * the validators that `compile.ts` makes.
 */

/** Schemas in `$defs`, by name. */
const named: Record<string, TSchema> = {};

function define<T extends TSchema>(name: string, schema: T) {
  named[name] = schema;
  return (description?: string) =>
    Type.Unsafe<Static<T>>({
      $ref: `#/$defs/${name}`,
      ...(description === undefined ? {} : { description }),
    });
}

const orNull = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

const count = (description: string, minimum = 0) =>
  Type.Integer({ minimum, maximum: Number.MAX_SAFE_INTEGER, description });

const uuid = define(
  'uuid',
  Type.String({ pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' }),
);

const u64 = define(
  'u64',
  Type.String({
    pattern: decimalUpTo(2n ** 64n - 1n),
    description: 'A u64 in decimal, as text, since JSON numbers lose digits.',
  }),
);

const time = define(
  'time',
  Type.String({
    pattern:
      '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?Z$',
    description: 'ISO 8601, UTC.',
  }),
);

const digest = define('sha256', Type.String({ pattern: '^[0-9a-f]{64}$' }));

const text = define(
  'text',
  Type.Union(
    [
      Type.String(),
      Type.Object({
        base64: Type.String({
          pattern:
            '^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=|[A-Za-z0-9+/][AQgw]==)$',
        }),
      }),
    ],
    { description: 'A name or path: text where its bytes are valid UTF-8, else { "base64" }.' },
  ),
);

const features = define(
  'features',
  Type.Array(Type.String({ pattern: '^[a-z][a-z0-9-]{0,63}$' }), {
    description:
      'What a reader must know to read this, beyond version 1. A reader refuses what it does not know, by name.',
  }),
);

/**
 * A pattern for decimal numbers without leading zeros, up to `most`, whose first digit must be 1.
 */
function decimalUpTo(most: bigint): string {
  const digits = String(most);
  const below = [...digits].flatMap((digit, at) => {
    if (at === 0 || digit === '0') return [];
    return `${digits.slice(0, at)}[0-${Number(digit) - 1}][0-9]{${digits.length - at - 1}}`;
  });
  return `^(0|[1-9][0-9]{0,${digits.length - 2}}|${[...below, digits].join('|')})$`;
}

const version = Type.Literal(FORMAT_VERSION, { description: 'Version of the archive format.' });

const sha256 = digest(
  'The last member: SHA-256 of this very file with these 64 digits replaced by zeros, so that any change of it is found.',
);

const tool = define(
  'tool',
  Type.Object(
    { name: Type.String(), version: Type.String() },
    { description: 'The program that wrote this.' },
  ),
);

const sendTransid = orNull(
  u64(
    'Another ctransid of the same state: the one under which it was announced to the filesystem that counts here. Null where that did not receive it, or where it is unknown.',
  ),
);

const identity = define(
  'identity',
  Type.Object(
    {
      uuid: uuid('UUID that the stream announces: the received UUID for a received snapshot.'),
      ctransid: u64('Transaction of its last change, as the producing filesystem counts.'),
      sendTransid,
    },
    { description: 'What a stream announces for its subvolume.' },
  ),
);

const requirement = define(
  'requirement',
  Type.Object(
    {
      uuid: uuid('UUID of the required subvolume.'),
      ctransid: u64('Its ctransid at the producing filesystem.'),
      sendTransid,
      name: Type.Optional(text('Its title at the producing filesystem, for people.')),
    },
    { description: 'An identity that the destination must have.' },
  ),
);

const part = define(
  'part',
  Type.Object(
    {
      file: Type.String({
        pattern: '^[0-9]{4}\\.btrfs\\.zst(\\.[a-z0-9]+)?$',
        description:
          'Its place in the stream, from 0001. A suffix takes a feature that explains it.',
      }),
      length: count('Bytes as stored.', 1),
      sha256: digest('Of the bytes as stored.'),
      offset: count('Where its first byte lies in the stream.'),
      streamLength: count('Bytes of the stream it holds.', 1),
      medium: Type.Optional(Type.String({ description: 'The medium it lies on, for people.' })),
    },
    { description: 'One stored file of the stream.' },
  ),
);

const source = define(
  'source',
  Type.Object(
    {
      filesystem: orNull(uuid('UUID of the producing filesystem.')),
      host: orNull(text('Host name of the producer.')),
      path: orNull(text('Absolute path of the snapshot when it was exported, as it was mounted.')),
      pathInFilesystem: orNull(
        text('Its path from the top level of its filesystem, without a slash in front.'),
      ),
      uuid: orNull(uuid('Its own UUID.')),
      receivedUuid: orNull(uuid('Its received UUID; null also where it has none.')),
      parentUuid: orNull(
        uuid('UUID of the subvolume it is a snapshot of; null also where it is of none.'),
      ),
      generation: orNull(u64('Its generation.')),
      creationGeneration: orNull(u64('Its generation at creation.')),
      createdAt: orNull(time('When the snapshot was made.')),
    },
    { description: 'The snapshot where the stream was made. Null is what is not known.' },
  ),
);

const manifestSchema = Type.Object(
  {
    format: Type.Literal('btrferry/manifest'),
    version,
    features: features(),
    name: text('Name of the subvolume, as in the first command of the stream.'),
    kind: Type.Union([Type.Literal('full'), Type.Literal('incremental')]),
    identity: identity(),
    parent: orNull(requirement()),
    cloneSources: Type.Array(requirement()),
    stream: Type.Object({
      protocol: Type.Union([Type.Literal(1), Type.Literal(2)], {
        description: 'Version in the header of the send stream.',
      }),
      length: count('Bytes.', 1),
      framesXxh64: Type.String({
        pattern: '^[0-9a-f]{16}$',
        description:
          "XXH64, seed 0, of the frames' checksums in order, each a u32 in little-endian; as hex.",
      }),
      commands: Type.Record(Type.String({ pattern: '^[A-Z_]+$' }), count('How many.', 1)),
      compressedData: Type.Boolean({ description: 'Extents travel as the source stored them.' }),
    }),
    receiver: Type.Object(
      { btrfsProgs: Type.String({ pattern: '^[0-9]+(\\.[0-9]+)+$' }) },
      { description: 'The oldest btrfs-progs that can receive this stream.' },
    ),
    compression: Type.Object({
      algorithm: Type.Literal('zstd'),
      level: orNull(Type.Integer({ minimum: 1, maximum: 22 })),
      frameSize: Type.Literal(FRAME_SIZE, {
        description: 'Bytes of stream in each frame but the last of the stream.',
      }),
    }),
    parts: Type.Array(part(), { minItems: 1, maxItems: MAX_PARTS }),
    source: source(),
    tool: tool(),
    createdAt: time('When the stream was made.'),
    sha256,
  },
  { title: 'Btrferry manifest', description: 'One send stream in an archive.' },
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
    tool: tool(),
    createdAt: time('When the destination was looked at.'),
    sha256,
  },
  { title: 'Btrferry receipt', description: 'What a destination has.' },
);

export type Manifest = Static<typeof manifestSchema>;
export type ArchiveHeader = Static<typeof headerSchema>;
export type Receipt = Static<typeof receiptSchema>;
export type ManifestPart = Manifest['parts'][number];
export type ManifestRequirement = Manifest['cloneSources'][number];

/** The published schema: a manifest, with the archive header and the receipt beside it. */
export const publishedSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  ...manifestSchema,
  $defs: { header: headerSchema, receipt: receiptSchema, ...named },
};
