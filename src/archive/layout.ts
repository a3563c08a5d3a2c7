import { portableName } from '../names/portable.ts';

/** Where things lie in an archive; see docs/format.md. */
export const HEADER_FILE = 'btrferry.json';
export const STREAMS = 'streams';
export const RECEIPTS = 'receipts';
export const MANIFEST_FILE = 'manifest.json';
export const SUMS_FILE = 'SHA256SUMS';
/** What a shell's `*.btrfs.zst` takes for a part. */
export const PART_LIKE = /^[^.].*\.btrfs\.zst$/s;
const INCOMING = '.incoming-';

/** How the directory of a stream is named behind its title; the first group is the UUID's beginning. */
const ENDING = /\.([0-9a-f]{8})\.(?:full|from-[0-9a-f]{8})$/;

interface Named {
  /** Of the stream: any bytes. */
  readonly title: Uint8Array;
  readonly uuid: string;
  readonly parentUuid: string | null;
}

/** Name of a stream's directory: `<title>.<uuid8>.full` or `<title>.<uuid8>.from-<uuid8>`. */
export function streamDirectory({ title, uuid, parentUuid }: Named): string {
  const from = parentUuid === null ? 'full' : `from-${parentUuid.slice(0, 8)}`;
  return `${portableName(title)}.${uuid.slice(0, 8)}.${from}`;
}

/** Where a stream is written until it is published, and resumed when that is interrupted. */
export function incomingDirectory(directory: string): string {
  return `${STREAMS}/${INCOMING}${directory}`;
}

export function isIncoming(directory: string): boolean {
  return directory.startsWith(INCOMING);
}

/** The name a stream in the making will have once it is published. */
export function incomingName(directory: string): string {
  return directory.slice(INCOMING.length);
}

/**
 * Whether a stream in the making is of the same snapshot as `directory`, but from another parent,
 * or with another title: that depends on the path by which the snapshot is reached.
 */
export function isOtherDraft(incoming: string, directory: string): boolean {
  const name = incomingName(incoming);
  const own = ENDING.exec(directory)?.[1];
  return isIncoming(incoming) && name !== directory && ENDING.exec(name)?.[1] === own;
}

/** Whether a directory is named as one of a stream, and so must be one. */
export function isStreamName(directory: string): boolean {
  return ENDING.test(directory);
}

/** The filesystem of whose receipt this is the name; undefined for any other name. */
export function receiptOf(name: string): string | undefined {
  return /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.json$/.exec(name)?.[1];
}

export function receiptFile(filesystemUuid: string): string {
  return `${RECEIPTS}/${filesystemUuid}.json`;
}

/** Text of SHA256SUMS: what `sha256sum -c` reads. */
export function sumsText(parts: readonly { file: string; sha256: string }[]): string {
  return parts.map(({ file, sha256 }) => `${sha256}  ${file}\n`).join('');
}
