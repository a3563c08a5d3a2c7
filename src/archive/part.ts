import { createHash, type Hash } from 'node:crypto';
import { Failure } from '../failure/failure.ts';
import type { ManifestPart } from '../manifest/schema.ts';
import { readWhole, type Store } from '../store/store.ts';
import { packedFrames } from '../zstd/pipeline.ts';
import type { FramePool, PackedFrame } from '../zstd/pool.ts';
import {
  decodeSeekTable,
  SEEK_FOOTER_SIZE,
  type SeekEntry,
  seekTableSize,
} from '../zstd/seek-table.ts';
import type { StoredStream } from './catalog.ts';
import { SUMS_FILE, sumsText } from './layout.ts';

/**
 * The frames of a stream as they are stored, in order, part after part, in slots of `pool`. Each
 * part's seek table and SHA-256 are checked; the SHA-256 once its last frame was taken. So what
 * came from a part is not proved before the next part begins or the iteration ends.
 *
 * Failures: `part-missing`, `part-damaged`, `seek-table-damaged`, `read-failed`.
 */
export async function* storedFrames(
  { store, directory, manifest }: StoredStream,
  pool: FramePool,
): AsyncGenerator<PackedFrame> {
  for (const part of manifest.parts) {
    const path = `${directory}/${part.file}`;
    const entries = await readSeekTable(store, path, part);
    const hash = createHash('sha256');
    const bytes = hashed(store.read(path, { start: 0, end: part.length }), hash);
    yield* packedFrames(bytes, entries, pool, { file: path });
    const sha256 = hash.digest('hex');
    if (sha256 !== part.sha256) throw changed(path, part, sha256);
  }
}

/** What a shell's `*.btrfs.zst` takes for a part. */
const PART_LIKE = /^[^.].*\.btrfs\.zst$/s;

/**
 * What can be found without decompressing: parts that are missing or of another length, files
 * that `cat *.btrfs.zst` would take for parts, and a SHA256SUMS that says something else than the
 * manifest.
 */
export async function checkStored(stream: StoredStream): Promise<Failure[]> {
  const { store, directory, manifest } = stream;
  const files = new Map((await store.list(directory)).map((entry) => [entry.name, entry]));
  const failures: Failure[] = [];
  for (const part of manifest.parts) {
    const path = `${directory}/${part.file}`;
    const entry = files.get(part.file);
    if (entry?.kind !== 'file') failures.push(missing(path));
    else if (entry.length !== part.length) failures.push(otherLength(path, part, entry.length));
  }
  const parts = new Set(manifest.parts.map(({ file }) => file));
  for (const name of files.keys()) {
    if (PART_LIKE.test(name) && !parts.has(name))
      failures.push(foreignPart(`${directory}/${name}`));
  }
  const sums = await sumsFailure(stream, files.has(SUMS_FILE));
  if (sums !== undefined) failures.push(sums);
  return failures;
}

async function sumsFailure(stream: StoredStream, there: boolean): Promise<Failure | undefined> {
  const path = `${stream.directory}/${SUMS_FILE}`;
  const expected = sumsText(stream.manifest.parts);
  try {
    const found = there ? await readWhole(stream.store.read(path), expected.length) : undefined;
    if (Buffer.from(found ?? []).toString('latin1') === expected) return undefined;
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  return new Failure('part-damaged', `${path} does not say what the manifest says`, {
    hint: 'the stream itself may be whole: btrferry verify tells',
    where: { file: path },
  });
}

/**
 * Where the frames of a part lie, by the table at its end.
 * @throws Failure `seek-table-damaged`, `read-failed`
 */
export async function readSeekTable(
  store: Store,
  path: string,
  part: ManifestPart,
): Promise<SeekEntry[]> {
  const where = { file: path };
  const tail = async (size: number) => {
    const range = { start: Math.max(0, part.length - size), end: part.length };
    return (await readWhole(store.read(path, range), size)) ?? new Uint8Array(0);
  };
  const tableSize = seekTableSize(await tail(SEEK_FOOTER_SIZE), part.length, where);
  const entries = decodeSeekTable(await tail(tableSize), part.length, where);
  const streamLength = entries.reduce((sum, entry) => sum + entry.length, 0);
  if (streamLength === part.streamLength) return entries;
  throw new Failure('seek-table-damaged', `${path} holds another length of stream than it should`, {
    where: { file: path, expected: `${part.streamLength}`, found: `${streamLength}` },
  });
}

/**
 * Reads a part and compares its SHA-256. `progress` is told of each piece's length.
 * @throws Failure `part-damaged`, `read-failed`
 */
export async function checkSums(
  { store, directory }: StoredStream,
  part: ManifestPart,
  progress: (bytes: number) => void,
): Promise<void> {
  const path = `${directory}/${part.file}`;
  const hash = createHash('sha256');
  for await (const piece of hashed(store.read(path), hash)) progress(piece.length);
  const sha256 = hash.digest('hex');
  if (sha256 !== part.sha256) throw changed(path, part, sha256);
}

async function* hashed(pieces: AsyncIterable<Uint8Array>, hash: Hash): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    hash.update(piece);
    yield piece;
  }
}

function changed(path: string, part: ManifestPart, found: string): Failure {
  return new Failure('part-damaged', `${path} was changed since it was written`, {
    hint: 'its SHA-256 differs; btrferry verify tells what is lost; restore it from another copy',
    where: { file: path, expected: part.sha256, found },
  });
}

function missing(path: string): Failure {
  return new Failure('part-missing', `${path} is missing`, {
    hint: 'restore this file from another copy of the archive',
    where: { file: path },
  });
}

function foreignPart(path: string): Failure {
  return new Failure('part-damaged', `${path} is no part of its stream`, {
    hint: 'remove this file: who restores the stream by hand would take it for one',
    where: { file: path },
  });
}

function otherLength(path: string, part: ManifestPart, found: number): Failure {
  return new Failure('part-damaged', `${path} has ${found} bytes instead of ${part.length}`, {
    hint: 'restore this file from another copy of the archive',
    where: { file: path, expected: `${part.length}`, found: `${found}` },
  });
}
