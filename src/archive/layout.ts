import { portableName } from '../names/portable.ts';
import type { StagePlace } from '../store/store.ts';

/** The names in an archive: see docs/format.md. */
export const HEADER_FILE = 'btrferry.json';
export const STREAMS = 'streams';
export const RECEIPTS = 'receipts';
export const FINGERPRINTS = 'fingerprints';
export const MANIFEST_FILE = 'manifest.json';
/** In place of the manifest, if the stream continues on another medium. */
export const SEGMENT_FILE = 'segment.json';
export const FINGERPRINT_FILE = 'fingerprint.json';
export const SUMS_FILE = 'SHA256SUMS';
/** The files that the shell pattern `*.btrfs.zst` matches. */
export const PART_LIKE = /^[^.].*\.btrfs\.zst$/s;
const INCOMING = '.incoming-';
const REMOVED = '.removed-';

/** The end of the name of a stream's directory. Its first group is the beginning of the UUID. */
const ENDING = /\.([0-9a-f]{8})\.(?:full|from-[0-9a-f]{8})$/;

interface Named {
  /** The title of the stream, any bytes. */
  readonly title: Uint8Array;
  readonly uuid: string;
  readonly parentUuid: string | null;
}

/** The name of a stream's directory: `<title>.<uuid8>.full` or `<title>.<uuid8>.from-<uuid8>`. */
export function streamDirectory({ title, uuid, parentUuid }: Named): string {
  const from = parentUuid === null ? 'full' : `from-${parentUuid.slice(0, 8)}`;
  return `${portableName(title)}.${uuid.slice(0, 8)}.${from}`;
}

/** The directory of a draft: a stream that is not published yet. */
export function incomingDirectory(directory: string): string {
  return `${STREAMS}/${INCOMING}${directory}`;
}

/** The stage in which the stream of a directory is written. */
export function stagePlace(directory: string): StagePlace {
  const draft = incomingDirectory(directory);
  return { draft, directory: `${STREAMS}/${directory}`, last: MANIFEST_FILE };
}

/** The names of a stream's directory while the stream is removed. */
export function removalPlace(directory: string): StagePlace {
  return {
    draft: `${STREAMS}/${REMOVED}${directory}`,
    directory: `${STREAMS}/${directory}`,
    last: MANIFEST_FILE,
  };
}

/** Reports whether a directory holds what an interrupted removal left. */
export function isRemoved(directory: string): boolean {
  return directory.startsWith(REMOVED);
}

/** The first digits of the UUID of the parent, in the name of a stream's directory. */
export function parentDigits(directory: string): string | undefined {
  return /\.from-([0-9a-f]{8})$/.exec(directory)?.[1];
}

/** The stage in which the fingerprint of a directory is written. */
export function fingerprintPlace(directory: string): StagePlace {
  return {
    draft: `${FINGERPRINTS}/${INCOMING}${directory}`,
    directory: `${FINGERPRINTS}/${directory}`,
    last: FINGERPRINT_FILE,
  };
}

/** The name of a fingerprint's directory: `<title>.<uuid8>.files` or `<title>.<uuid8>.blocks`. */
export function fingerprintDirectory(
  title: Uint8Array,
  uuid: string,
  unit: 'files' | 'blocks',
): string {
  return `${portableName(title)}.${uuid.slice(0, 8)}.${unit}`;
}

export function isIncoming(directory: string): boolean {
  return directory.startsWith(INCOMING);
}

/** The name that a draft will have when it is published. */
export function incomingName(directory: string): string {
  return directory.slice(INCOMING.length);
}

/**
 * Reports whether a draft is of the same snapshot as `directory`, but from another parent or with
 * another title. The title depends on the path of the snapshot.
 */
export function isOtherDraft(incoming: string, directory: string): boolean {
  const name = incomingName(incoming);
  const own = ENDING.exec(directory)?.[1];
  return isIncoming(incoming) && name !== directory && ENDING.exec(name)?.[1] === own;
}

/** Reports whether a directory has a name that only streams have. */
export function isStreamName(directory: string): boolean {
  return ENDING.test(directory);
}

/** The UUID of the filesystem whose receipt has this name; undefined for other names. */
export function receiptOf(name: string): string | undefined {
  return /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.json$/.exec(name)?.[1];
}

export function receiptFile(filesystemUuid: string): string {
  return `${RECEIPTS}/${filesystemUuid}.json`;
}

/** The text of SHA256SUMS, for `sha256sum -c`. */
export function sumsText(parts: readonly { file: string; sha256: string }[]): string {
  return parts.map(({ file, sha256 }) => `${sha256}  ${file}\n`).join('');
}
