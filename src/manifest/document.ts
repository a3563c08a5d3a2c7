import {
  isFingerprint,
  isHeader,
  isManifest,
  isReceipt,
  isSegment,
  type Validator,
} from '#validators';
import { Failure } from '../failure/failure.ts';
import { byteString, isMisencoded } from '../names/byte-string.ts';
import { FRAME_SIZE } from '../zstd/frame.ts';
import { FORMAT_VERSION, KNOWN_FEATURES } from './format.ts';
import type { ArchiveHeader, Fingerprint, Manifest, Receipt, Segment } from './schema.ts';
import { seal, sealOf } from './seal.ts';
import { structureOf } from './structure.ts';

/** The most levels of nesting in a document. Documents of this program have five. */
const NESTING_LIMIT = 32;

/**
 * The limit of values in a document: one for this many bytes of its size limit. Documents of this
 * program have more bytes for each value.
 */
const BYTES_PER_VALUE = 32;

/** Bytes at the start of a document that must hold its format and version. */
const BEGINNING = 1024;

const KiB = 1024;
const MiB = 1024 * KiB;

/** A document without its seal. */
export type Unsealed<T> = Omit<T, 'sha256'>;

interface Kind<T> {
  /** The size limit of this kind of document, bytes. */
  readonly limit: number;
  readonly decode: (bytes: Uint8Array, file: string) => T;
  readonly encode: (content: Unsealed<T>) => Uint8Array;
}

/**
 * A decoder and an encoder for each document of an archive. A decoder ignores unknown members.
 * `file` is the origin of the bytes, for messages. An encoder refuses to write a document that its
 * decoder would refuse.
 *
 * The limits allow 9999 parts, thousands of clone sources, any label of a command line, and a
 * hundred thousand subvolumes.
 *
 * @throws {Failure} `manifest-damaged` if the bytes are not those that were written;
 *   `format-version` if the format is newer; `format-feature` if the document needs an unknown
 *   feature
 */
export const manifestDocument = documentKind<Manifest>(
  'manifest',
  'btrferry/manifest',
  4 * MiB,
  isManifest,
  'restore this file from another copy of the archive; other streams are not affected',
  manifestContradiction,
);
export const segmentDocument = documentKind<Segment>(
  'segment',
  'btrferry/segment',
  4 * MiB,
  isSegment,
  'restore this file from another copy of the archive; other streams are not affected',
  segmentContradiction,
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
export const fingerprintDocument = documentKind<Fingerprint>(
  'fingerprint',
  'btrferry/fingerprint',
  4 * MiB,
  isFingerprint,
  'restore this file from another copy of the archive, or make the fingerprint again',
  (document) => partsContradiction(document.parts, document.tree.length, treePartFile),
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
    const unknown = unknownFeatures(document, KNOWN_FEATURES[format] ?? []);
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

/** Finds the reason why this program cannot read a document of its own format version. */
function beyond(document: string, file: string, features: readonly string[]): Failure {
  const names = features.map((name) => JSON.stringify(name)).join(', ');
  const feature = features.length === 1 ? 'the feature' : 'features';
  return new Failure(
    'format-feature',
    `${document} takes ${feature} ${names}, which this btrferry does not know`,
    { hint: 'use a newer btrferry', where: { file, found: features.join(' ') } },
  );
}

/** The place of the features never changes, whatever a feature changes elsewhere. */
function unknownFeatures(document: unknown, known: readonly string[]): string[] {
  const { features } = document as { features?: unknown };
  if (!Array.isArray(features)) return [];
  return features.filter((name) => FEATURE.test(name) && !known.includes(name));
}

const FEATURE = /^[a-z][a-z0-9-]{0,63}$/;

const breach = {
  broken: 'changed since it was written: its SHA-256 does not fit',
  missing: 'cut short: it does not end in its SHA-256',
};

/** Reads format and version from the start of a document; undefined if they are not there. */
function beginningOf(bytes: Uint8Array): { format: string; version: number } | undefined {
  const text = Buffer.from(bytes.subarray(0, BEGINNING)).toString('latin1');
  const found = /^\s*\{\s*"format"\s*:\s*"([a-z/]+)"\s*,\s*"version"\s*:\s*(\d+)\s*[,}]/.exec(text);
  return found === null ? undefined : { format: found[1] as string, version: Number(found[2]) };
}

/**
 * Reports why a document must not be parsed: it would need too much memory, or has two meanings.
 */
function excessOf(bytes: Uint8Array, limit: number): string | undefined {
  if (bytes.length > limit) return `longer than ${limit} bytes`;
  const most = { values: limit / BYTES_PER_VALUE, depth: NESTING_LIMIT };
  const { values, depth, twice } = structureOf(bytes, most);
  if (depth > most.depth) return `nested more than ${most.depth} levels deep`;
  if (values > most.values) return `one of more than ${most.values} values`;
  return twice === undefined ? undefined : `one with the member ${JSON.stringify(twice)} twice`;
}

/** Returns undefined if it is not UTF-8 or not JSON. */
function parse(bytes: Uint8Array): unknown {
  const text = byteString(bytes);
  try {
    return typeof text === 'string' ? JSON.parse(text) : undefined;
  } catch {
    return undefined;
  }
}

/** A lone surrogate, which JSON can spell and UTF-8 cannot. */
const HALF = /\p{Surrogate}/u;

/** Finds a name or path that is not in its only valid form, which a schema cannot check. */
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

/** Finds members of a manifest that contradict each other, which a schema cannot check. */
function manifestContradiction(manifest: Manifest | Segment): string | undefined {
  if ((manifest.kind === 'full') !== (manifest.parent === null)) {
    return `kind is ${manifest.kind}, which does not go with its parent`;
  }
  return partsContradiction(manifest.parts, manifest.stream.length, partFile);
}

/** Finds the same in a segment, whose last frame is whole because the stream goes on. */
function segmentContradiction(segment: Segment): string | undefined {
  const { length } = segment.stream;
  if (length % FRAME_SIZE !== 0)
    return `its last frame is short, though more of the stream follows`;
  return manifestContradiction(segment);
}

/** Finds parts that are not consecutive pieces of `length` bytes. */
function partsContradiction(
  parts: readonly { file: string; offset: number; streamLength: number }[],
  length: number,
  fileOf: (index: number) => string,
): string | undefined {
  let offset = 0;
  for (const [index, part] of parts.entries()) {
    const expected = fileOf(index);
    if (part.file !== expected) return `part ${index + 1} is not called ${expected}`;
    if (part.offset !== offset) return `${part.file} does not begin where the one before it ends`;
    offset += part.streamLength;
  }
  return offset === length ? undefined : 'the parts do not add up to what they hold';
}

/**
 * File name of a part.
 *
 * @param index place of the part in the stream, from 0
 */
export function partFile(index: number): string {
  return `${String(index + 1).padStart(4, '0')}.btrfs.zst`;
}

/** File name of a part of a fingerprint, by its index from 0. */
export function treePartFile(index: number): string {
  return `${String(index + 1).padStart(4, '0')}.tree.zst`;
}
