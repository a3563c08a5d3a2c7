import { isHeader, isManifest, isReceipt, type Validator } from '#validators';
import { Failure } from '../failure/failure.ts';
import { byteString, isMisencoded } from '../names/byte-string.ts';
import { FORMAT_VERSION, KNOWN_FEATURES } from './format.ts';
import type { ArchiveHeader, Manifest, Receipt } from './schema.ts';
import { seal, sealOf } from './seal.ts';
import { structureOf } from './structure.ts';

/** Levels of nesting that a document may have; ours have five. */
const NESTING_LIMIT = 32;

/** For so many bytes of a kind's limit, a document may hold one value: ours take more for each. */
const BYTES_PER_VALUE = 32;

/** In so many bytes at the beginning of a document its format and version are looked for. */
const BEGINNING = 1024;

const KiB = 1024;
const MiB = 1024 * KiB;

/** A document without its seal, as it is handed to an encoder. */
export type Unsealed<T> = Omit<T, 'sha256'>;

interface Kind<T> {
  /** No document of this kind is larger, bytes. */
  readonly limit: number;
  readonly decode: (bytes: Uint8Array, file: string) => T;
  readonly encode: (content: Unsealed<T>) => Uint8Array;
}

/**
 * Decoders and encoders, one pair for each document of an archive. `file` is where the bytes
 * came from, for messages. A decoder passes over members it does not know. It throws
 * `manifest-damaged` when the bytes are not what was written, `format-version` when they were
 * written for a newer format, and `format-feature` when they take a feature that it does not know.
 * An encoder refuses to write what its decoder would refuse.
 *
 * The limits have room for 9999 parts and thousands of clone sources, for any label that a command
 * line can hold, and for a hundred thousand subvolumes.
 */
export const manifestDocument = documentKind<Manifest>(
  'manifest',
  'btrferry/manifest',
  4 * MiB,
  isManifest,
  'restore this file from another copy of the archive; other streams are not affected',
  manifestContradiction,
);
export const headerDocument = documentKind<ArchiveHeader>(
  'archive header',
  'btrferry/archive',
  MiB,
  isHeader,
  'the streams do not need it, and the next export makes a new one',
);
export const receiptDocument = documentKind<Receipt>(
  'receipt',
  'btrferry/receipt',
  32 * MiB,
  isReceipt,
  'delete this file: the next import writes a new one',
);

function documentKind<T extends { sha256: string }>(
  what: string,
  format: string,
  limit: number,
  isValid: Validator<T>,
  hint: string,
  contradiction: (document: T) => string | undefined = () => undefined,
): Kind<T> {
  const fault = (document: unknown): string | undefined => {
    if (isValid(document)) return misspelling(document) ?? contradiction(document);
    const first = isValid.errors?.[0];
    return `${first?.instancePath || 'document'} ${first?.message ?? 'is not valid'}`;
  };

  const decode = (bytes: Uint8Array, file: string): T => {
    const damaged = (why: string) =>
      new Failure('manifest-damaged', `${what} ${file}: ${why}`, {
        hint,
        where: { file },
      });
    const beginning = beginningOf(bytes);
    const cut = beginning === undefined && sealOf(bytes) === 'missing';
    if (cut && bytes.length < BEGINNING) throw damaged(breach.missing);
    if (beginning?.format !== format) throw damaged(`it begins as no ${what} does`);
    const { version } = beginning;
    if (version > FORMAT_VERSION) {
      throw new Failure('format-version', `${what} ${file} has format version ${version}`, {
        hint: `this btrferry reads up to version ${FORMAT_VERSION}; use a newer one`,
        where: { file, expected: String(FORMAT_VERSION), found: String(version) },
      });
    }
    const found = sealOf(bytes);
    if (found !== 'holds') throw damaged(breach[found]);
    const excess = excessOf(bytes, limit);
    if (excess !== undefined) throw damaged(excess);
    const document = parse(bytes);
    if (document === undefined) throw damaged('not JSON');
    const unknown = unknownFeatures(document);
    if (unknown.length > 0) throw beyond(`${what} ${file}`, file, unknown);
    const why = fault(document);
    if (why !== undefined) throw damaged(why);
    return document as T;
  };

  const encode = (content: Unsealed<T>): Uint8Array => {
    const bytes = seal(content);
    const excess = excessOf(bytes, limit);
    if (excess !== undefined) throw new Failure('storage-failed', `the ${what} is ${excess}`);
    const why = fault(JSON.parse(Buffer.from(bytes).toString()));
    if (why !== undefined) throw new TypeError(`refusing to write an invalid ${what}: ${why}`);
    return bytes;
  };

  return { limit, decode, encode };
}

/** What a document takes that this program does not know. */
function beyond(document: string, file: string, features: readonly string[]): Failure {
  const names = features.map((name) => JSON.stringify(name)).join(', ');
  const feature = features.length === 1 ? 'the feature' : 'features';
  return new Failure(
    'format-feature',
    `${document} takes ${feature} ${names}, which this btrferry does not know`,
    { hint: 'use a newer btrferry', where: { file, found: features.join(' ') } },
  );
}

/** Whatever a feature changes of a document, where the features stand does not change. */
function unknownFeatures(document: unknown): string[] {
  const { features } = document as { features?: unknown };
  if (!Array.isArray(features)) return [];
  return features.filter((name) => FEATURE.test(name) && !KNOWN_FEATURES.includes(name));
}

const FEATURE = /^[a-z][a-z0-9-]{0,63}$/;

const breach = {
  broken: 'changed since it was written: its SHA-256 does not fit',
  missing: 'cut short: it does not end in its SHA-256',
};

/** Format and version, which come first; undefined where they don't. */
function beginningOf(bytes: Uint8Array): { format: string; version: number } | undefined {
  const text = Buffer.from(bytes.subarray(0, BEGINNING)).toString('latin1');
  const found = /^\s*\{\s*"format"\s*:\s*"([a-z/]+)"\s*,\s*"version"\s*:\s*(\d+)\s*[,}]/.exec(text);
  return found === null ? undefined : { format: found[1] as string, version: Number(found[2]) };
}

/** What a document has too much of to be parsed: in little memory, and with one meaning. */
function excessOf(bytes: Uint8Array, limit: number): string | undefined {
  if (bytes.length > limit) return `longer than ${limit} bytes`;
  const most = { values: limit / BYTES_PER_VALUE, depth: NESTING_LIMIT };
  const { values, depth, twice } = structureOf(bytes, most);
  if (depth > most.depth) return `nested more than ${most.depth} levels deep`;
  if (values > most.values) return `one of more than ${most.values} values`;
  return twice === undefined ? undefined : `one with the member ${JSON.stringify(twice)} twice`;
}

/** Undefined: not UTF-8, or not JSON. */
function parse(bytes: Uint8Array): unknown {
  const text = byteString(bytes);
  try {
    return typeof text === 'string' ? JSON.parse(text) : undefined;
  } catch {
    return undefined;
  }
}

/** A surrogate without the other, which JSON can spell and no UTF-8 can. */
const HALF = /\p{Surrogate}/u;

/** What a schema can't say: that each name and path is told in the one way there is. */
function misspelling(value: unknown): string | undefined {
  if (typeof value === 'string') return HALF.test(value) ? 'text with half a character' : undefined;
  if (value === null || typeof value !== 'object') return undefined;
  if ('base64' in value && typeof value.base64 === 'string' && isMisencoded(value.base64)) {
    return 'text in Base64 that is valid UTF-8';
  }
  for (const one of Object.values(value)) {
    const why = misspelling(one);
    if (why !== undefined) return why;
  }
  return undefined;
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
