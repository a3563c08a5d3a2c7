import { createRequire } from 'node:module';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { Failure } from '../failure/failure.ts';
import { FORMAT_VERSION } from './format.ts';
import type { ArchiveHeader, Manifest, publishedSchema, Receipt } from './schema.ts';
import { seal, sealHolds } from './seal.ts';
import { textFromBytes } from './text.ts';

/** No document may be larger than this, bytes: it is read whole into memory. */
export const DOCUMENT_LIMIT = 16 * 1024 * 1024;

/** Levels of nesting that a document may have; ours have five. Recursion must not run out of stack. */
const NESTING_LIMIT = 32;

/** A document without its seal, as it is handed to an encoder. */
export type Unsealed<T> = Omit<T, 'sha256'>;

interface Kind<T> {
  readonly decode: (bytes: Uint8Array, file: string) => T;
  readonly encode: (content: Unsealed<T>) => Uint8Array;
}

const published = createRequire(import.meta.url)(
  '../../manifest-schema.json',
) as typeof publishedSchema;

// That the schema is one is for the tests: to check it takes longer than to read an archive.
const ajv = new Ajv2020({ strict: true, allErrors: false, meta: false, validateSchema: false });

/**
 * Decoders and encoders, one pair for each document of an archive. `file` is where the bytes
 * came from, for messages. A decoder keeps members it does not know. It throws
 * `manifest-damaged` when the bytes are not what was written, and `format-version` when they
 * were written for a newer format. An encoder refuses to write what its decoder would refuse.
 */
export const manifestDocument = documentKind<Manifest>(
  'manifest',
  'btrferry/manifest',
  published,
  'restore this file from another copy of the archive; other streams are not affected',
  manifestContradiction,
);
export const headerDocument = documentKind<ArchiveHeader>(
  'archive header',
  'btrferry/archive',
  published.$defs.header,
  'move this file aside: the streams do not need it, and the next export makes a new one',
);
export const receiptDocument = documentKind<Receipt>(
  'receipt',
  'btrferry/receipt',
  published.$defs.receipt,
  'delete this file: the next import writes a new one',
);

function documentKind<T extends { sha256: string }>(
  what: string,
  format: string,
  schema: object,
  hint: string,
  contradiction: (document: T) => string | undefined = () => undefined,
): Kind<T> {
  let validate: ValidateFunction<T> | undefined;
  const fault = (document: unknown): string | undefined => {
    validate ??= ajv.compile<T>(schema);
    if (validate(document)) return contradiction(document);
    const first = validate.errors?.[0];
    return `${first?.instancePath || 'document'} ${first?.message ?? 'is not valid'}`;
  };

  const decode = (bytes: Uint8Array, file: string): T => {
    const damaged = (why: string) =>
      new Failure('manifest-damaged', `${what} ${file}: ${why}`, {
        hint,
        where: { file },
      });
    const text = textFromBytes(bytes);
    if (typeof text !== 'string') throw damaged('not text');
    const document = parse(text);
    if (document === undefined) throw damaged('cut short or not JSON');
    if (nestedDeeply(document)) throw damaged(`nested more than ${NESTING_LIMIT} levels deep`);
    const { format: foundFormat, version } = document;
    if (foundFormat !== format) throw damaged(`not a ${what}`);
    if (typeof version === 'number' && version > FORMAT_VERSION) {
      throw new Failure('format-version', `${what} ${file} has format version ${version}`, {
        hint: `this btrferry reads up to version ${FORMAT_VERSION}; use a newer one`,
        where: { file, expected: String(FORMAT_VERSION), found: String(version) },
      });
    }
    if (!sealHolds(text)) throw damaged('changed since it was written: its SHA-256 does not fit');
    const why = fault(document);
    if (why !== undefined) throw damaged(why);
    return document as T;
  };

  const encode = (content: Unsealed<T>): Uint8Array => {
    const bytes = seal(content);
    const why = fault(JSON.parse(Buffer.from(bytes).toString()));
    if (why !== undefined) throw new TypeError(`refusing to write an invalid ${what}: ${why}`);
    return bytes;
  };

  return { decode, encode };
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>;
    }
    return undefined;
  } catch {
    return undefined;
  }
}

function nestedDeeply(value: unknown, depth = 0): boolean {
  if (depth > NESTING_LIMIT) return true;
  if (typeof value !== 'object' || value === null) return false;
  return Object.values(value).some((inner) => nestedDeeply(inner, depth + 1));
}

/** What a schema can't say: members of a manifest that must agree with each other. */
function manifestContradiction(manifest: Manifest): string | undefined {
  if ((manifest.kind === 'full') !== (manifest.parent === null)) {
    return `kind is ${manifest.kind}, which does not go with its parent`;
  }
  let offset = 0;
  for (const [index, part] of manifest.parts.entries()) {
    const expected = partFile(index);
    if (part.file !== expected) return `part ${index + 1} is not called ${expected}`;
    if (part.offset !== offset) return `${part.file} does not begin where the one before it ends`;
    offset += part.streamLength;
  }
  if (offset !== manifest.stream.length) return 'the parts do not add up to the stream';
  return undefined;
}

/** File name of a part, by its place in the stream, counted from 0. */
export function partFile(index: number): string {
  return `${String(index + 1).padStart(4, '0')}.btrfs.zst`;
}
