import Type, { type Static, type TSchema } from 'typebox';
import { FORMAT_VERSION } from './format.ts';

/** The schemas that several documents of an archive share. */

/** Schemas in `$defs`, by name. */
export const named: Record<string, TSchema> = {};

export function define<T extends TSchema>(name: string, schema: T) {
  named[name] = schema;
  return (description?: string) =>
    Type.Unsafe<Static<T>>({
      $ref: `#/$defs/${name}`,
      ...(description === undefined ? {} : { description }),
    });
}

export const orNull = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

export const count = (description: string, minimum = 0) =>
  Type.Integer({ minimum, maximum: Number.MAX_SAFE_INTEGER, description });

export const uuid = define(
  'uuid',
  Type.String({ pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' }),
);

export const u64 = define(
  'u64',
  Type.String({
    pattern: decimalUpTo(2n ** 64n - 1n),
    description: 'A u64 in decimal, as text, since JSON numbers lose digits.',
  }),
);

export const time = define(
  'time',
  Type.String({
    pattern:
      '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?Z$',
    description: 'ISO 8601, UTC.',
  }),
);

export const digest = define('sha256', Type.String({ pattern: '^[0-9a-f]{64}$' }));

export const text = define(
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

export const features = define(
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

export const version = Type.Literal(FORMAT_VERSION, {
  description: 'Version of the archive format.',
});

export const sha256 = digest(
  'The last member: SHA-256 of this very file with these 64 digits replaced by zeros, so that any change of it is found.',
);

export const tool = define(
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

export const identity = define(
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

export const requirement = define(
  'requirement',
  Type.Object(
    {
      uuid: uuid('UUID of the required subvolume.'),
      ctransid: u64('Its ctransid at the producing filesystem.'),
      sendTransid,
      name: Type.Optional(text('Its title at the producing filesystem, for people.')),
      filesystem: Type.Optional(
        uuid('UUID of the filesystem that counts its ctransid, if that is not the source.'),
      ),
    },
    { description: 'An identity that the destination must have.' },
  ),
);

const medium = define(
  'medium',
  Type.Object(
    {
      id: uuid('The id of the archive, from its header.'),
      label: orNull(Type.String({ description: 'Its label; null if it has none.' })),
    },
    { description: 'An archive that holds a part of a spanned stream.' },
  ),
);

export const part = define(
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
      medium: Type.Optional(
        Type.Union([medium(), Type.String()], {
          description:
            'The medium it was written to; left out if that is the archive of this document. Text is for people.',
        }),
      ),
    },
    { description: 'One stored file of the stream.' },
  ),
);

export const source = define(
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
