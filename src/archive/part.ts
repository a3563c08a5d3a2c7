import { createHash } from 'node:crypto';
import { exit, Failure, type Where } from '../failure/failure.ts';
import type { ManifestPart } from '../manifest/schema.ts';
import { readWhole, type Store } from '../store/store.ts';
import { FramesHash } from '../zstd/checksum.ts';
import { FRAME_SIZE } from '../zstd/frame.ts';
import { packedFrames } from '../zstd/pipeline.ts';
import type { FramePool, PackedFrame } from '../zstd/pool.ts';
import {
  decodeSeekTable,
  SEEK_FOOTER_SIZE,
  type SeekEntry,
  seekTableSize,
} from '../zstd/seek-table.ts';
import type { StoredStream } from './catalog.ts';
import { PART_LIKE, SUMS_FILE, sumsText } from './layout.ts';

/**
 * The frames of a stream as they are stored, in order, part after part, in slots of `pool`. Each
 * part's seek table and SHA-256 are checked; the SHA-256 once its last frame was taken. So what
 * came from a part is not proved before the next part begins or the iteration ends.
 *
 * Failures: `part-missing`, `part-damaged`, `seek-table-damaged`, `read-failed`.
 */
export async function* storedFrames(
  stream: StoredStream,
  pool: FramePool,
): AsyncGenerator<PackedFrame> {
  const { store, directory, manifest } = stream;
  for (const part of manifest.parts) {
    const path = `${directory}/${part.file}`;
    const entries = await readSeekTable(stream, part);
    const hash = createHash('sha256');
    for await (const frame of framesIn(store, path, entries, pool)) {
      hash.update(frame.packed);
      yield frame;
    }
    const start = entries.reduce((sum, entry) => sum + entry.size, 0);
    for await (const piece of store.read(path, { start, end: part.length })) hash.update(piece);
    const sha256 = hash.digest('hex');
    if (sha256 !== part.sha256) throw changed(stream, part, sha256);
  }
}

/**
 * The frames of one part that `entries` tell of, from byte `start` (by default 0) on. The file is
 * closed with the iteration, which may end long after whoever took from it has left.
 */
export async function* framesIn(
  store: Store,
  path: string,
  entries: readonly SeekEntry[],
  pool: FramePool,
  start = 0,
): AsyncGenerator<PackedFrame> {
  const file = await store.open(path);
  try {
    yield* packedFrames(file, entries, pool, { file: path, start });
  } finally {
    file.close();
  }
}

/**
 * What can be found without reading: parts that are missing or of another length, and files that
 * `cat *.btrfs.zst` would take for parts.
 */
export async function checkStored(stream: StoredStream): Promise<Failure[]> {
  const { store, directory, manifest } = stream;
  const files = new Map((await store.list(directory)).map((entry) => [entry.name, entry]));
  const failures: Failure[] = [];
  for (const part of manifest.parts) {
    const path = `${directory}/${part.file}`;
    const entry = files.get(part.file);
    if (entry?.kind !== 'file') failures.push(missing(stream, path, part.medium));
    else if (entry.length !== part.length) failures.push(otherLength(stream, part, entry.length));
  }
  const parts = new Set(manifest.parts.map(({ file }) => file));
  for (const name of files.keys()) {
    if (PART_LIKE.test(name) && !parts.has(name))
      failures.push(foreignPart(`${directory}/${name}`));
  }
  return failures;
}

/**
 * Whether SHA256SUMS says what the manifest says. It is for people: the stream does not need it.
 * @throws Failure `storage-failed`
 */
export async function hasSums({ store, directory, manifest }: StoredStream): Promise<boolean> {
  const expected = sumsText(manifest.parts);
  try {
    const found = await readWhole(store.read(`${directory}/${SUMS_FILE}`), expected.length);
    return Buffer.from(found ?? []).toString('latin1') === expected;
  } catch (error) {
    if (error instanceof Failure && error.code === 'read-failed') return false;
    throw error;
  }
}

/**
 * Whether the frames that the seek tables tell of are those of the stream in the manifest: takes
 * no more than reading the tables. A part that is missing or cut short shows as damage as well.
 */
export async function checkFrames(stream: StoredStream): Promise<Failure | undefined> {
  const { directory, manifest, uuid } = stream;
  const expected = manifest.stream.framesXxh64;
  const hash = new FramesHash();
  try {
    for (const part of manifest.parts) {
      for (const { checksum } of await readSeekTable(stream, part)) hash.add(checksum);
    }
  } catch (error) {
    if (error instanceof Failure && error.exitCode === exit.damaged) return error;
    throw error;
  }
  const found = hash.hex();
  if (found === expected) return undefined;
  return new Failure(
    'stream-differs-from-manifest',
    `${directory}: its seek tables tell of other frames than its manifest`,
    { where: { path: directory, uuid, expected, found } },
  );
}

/**
 * Where the frames of a part lie, by the table at its end. Only the last one of the stream may
 * hold less than FRAME_SIZE.
 * @throws Failure `seek-table-damaged`, `read-failed`
 */
export async function readSeekTable(
  { store, directory, manifest }: StoredStream,
  part: ManifestPart,
): Promise<SeekEntry[]> {
  const path = `${directory}/${part.file}`;
  const tail = async (size: number) => {
    const range = { start: Math.max(0, part.length - size), end: part.length };
    return (await readWhole(store.read(path, range), size)) ?? new Uint8Array(0);
  };
  const unusable = (what: string, where: Where, cause?: unknown) =>
    new Failure('seek-table-damaged', `${path}: ${what}`, {
      hint: fromCopy(directory),
      where: { ...where, file: path },
      cause,
    });
  try {
    const tableSize = seekTableSize(await tail(SEEK_FOOTER_SIZE), part.length);
    const entries = decodeSeekTable(await tail(tableSize), part.length);
    const streamLength = entries.reduce((sum, entry) => sum + entry.length, 0);
    if (streamLength !== part.streamLength) {
      throw unusable('seek table tells of another length of stream than the manifest', {
        expected: `${part.streamLength}`,
        found: `${streamLength}`,
      });
    }
    const last = part.offset + part.streamLength === manifest.stream.length;
    if (!last && streamLength % FRAME_SIZE !== 0) {
      throw unusable('its last frame is shorter than only the last of a stream may be', {
        expected: `${FRAME_SIZE}`,
        found: `${entries.at(-1)?.length}`,
      });
    }
    return entries;
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== 'seek-table-damaged') throw error;
    throw error.where.file === path ? error : unusable(error.message, error.where, error);
  }
}

/**
 * Reads a part and compares its SHA-256. `progress` is told of each piece's length.
 * @throws Failure `part-damaged`, `read-failed`
 */
export async function checkSums(
  stream: StoredStream,
  part: ManifestPart,
  progress: (bytes: number) => void,
): Promise<void> {
  const sha256 = await storedSum(stream, part, progress);
  if (sha256 !== part.sha256) throw changed(stream, part, sha256);
}

/** SHA-256 of a part as it is stored. `progress` is told of each piece's length. */
export async function storedSum(
  { store, directory }: StoredStream,
  part: ManifestPart,
  progress: (bytes: number) => void,
): Promise<string> {
  const hash = createHash('sha256');
  const path = `${directory}/${part.file}`;
  for await (const piece of store.read(path)) {
    hash.update(piece);
    progress(piece.length);
  }
  return hash.digest('hex');
}

/** What to do about a file of a stream that is not what it should be. */
export function fromCopy(directory: string): string {
  return `restore this file from another copy, or move ${directory} out of the archive and export the snapshot again`;
}

function changed({ directory }: StoredStream, part: ManifestPart, found: string): Failure {
  const path = `${directory}/${part.file}`;
  return new Failure('part-damaged', `${path} was changed since it was written`, {
    hint: fromCopy(directory),
    where: { file: path, expected: part.sha256, found },
  });
}

function missing({ directory }: StoredStream, path: string, medium?: string): Failure {
  const away = medium === undefined ? '' : `; the manifest says that it lies on ${medium}`;
  return new Failure('part-missing', `${path} is missing${away}`, {
    hint: fromCopy(directory),
    where: { file: path },
  });
}

function foreignPart(path: string): Failure {
  return new Failure('part-damaged', `${path} is no part of its stream`, {
    hint: 'remove this file: who restores the stream by hand would take it for one',
    where: { file: path },
  });
}

function otherLength({ directory }: StoredStream, part: ManifestPart, found: number): Failure {
  const path = `${directory}/${part.file}`;
  return new Failure('part-damaged', `${path} has ${found} bytes instead of ${part.length}`, {
    hint: fromCopy(directory),
    where: { file: path, expected: `${part.length}`, found: `${found}` },
  });
}
