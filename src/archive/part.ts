import { createHash } from 'node:crypto';
import { Failure } from '../failure/failure.ts';
import type { ManifestPart } from '../manifest/schema.ts';
import { readWhole, type Store } from '../store/store.ts';
import { decodeSeekTable, SEEK_FOOTER_SIZE, seekTableSize } from '../zstd/seek-table.ts';
import type { StoredStream } from './catalog.ts';
import { SUMS_FILE, sumsText } from './layout.ts';

/** A frame as it lies in a part. */
export interface StoredFrame {
  /** The zstd frame; the consumer's to keep. */
  readonly bytes: Uint8Array;
  /** Bytes of stream it holds, by the seek table. */
  readonly length: number;
  /** The low half of their XXH64, by the seek table. */
  readonly checksum: number;
  /** File and offset in it, for messages. */
  readonly where: { readonly file: string; readonly offset: number };
}

/**
 * The frames of a stream, in order, part after part. Each part's length, seek table and SHA-256
 * are checked; the SHA-256 only once its last frame was taken, so the frames of a part can't be
 * relied on before the next part begins or the iteration ends.
 *
 * Failures: `part-missing`, `part-damaged`, `seek-table-damaged`, `read-failed`.
 */
export async function* storedFrames(stream: StoredStream): AsyncGenerator<StoredFrame> {
  for (const part of stream.manifest.parts)
    yield* framesOfPart(stream.store, stream.directory, part);
}

/**
 * What can be found without decompressing: parts that are missing or of another length, and a
 * SHA256SUMS that says something else than the manifest.
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
  const sums = `${directory}/${SUMS_FILE}`;
  const expected = sumsText(manifest.parts);
  const found = files.has(SUMS_FILE)
    ? await readWhole(store.read(sums), expected.length)
    : new Uint8Array(0);
  if (found === undefined || Buffer.from(found).toString('latin1') !== expected) {
    failures.push(
      new Failure('part-damaged', `${sums} does not say what the manifest says`, {
        hint: 'the stream itself may be whole: btrferry verify tells',
        where: { file: sums },
      }),
    );
  }
  return failures;
}

async function* framesOfPart(
  store: Store,
  directory: string,
  part: ManifestPart,
): AsyncGenerator<StoredFrame> {
  const path = `${directory}/${part.file}`;
  const where = { file: path };
  const tail = async (size: number) => {
    const range = { start: Math.max(0, part.length - size), end: part.length };
    return (await readWhole(store.read(path, range), size)) ?? new Uint8Array(0);
  };
  const tableSize = seekTableSize(await tail(SEEK_FOOTER_SIZE), part.length, where);
  const entries = decodeSeekTable(await tail(tableSize), part.length, where);
  const streamLength = entries.reduce((sum, entry) => sum + entry.length, 0);
  if (streamLength !== part.streamLength) {
    throw new Failure(
      'seek-table-damaged',
      `${path} holds another length of stream than it should`,
      {
        where: { file: path, expected: `${part.streamLength}`, found: `${streamLength}` },
      },
    );
  }

  const hash = createHash('sha256');
  const pieces = cut(
    store.read(path, { start: 0, end: part.length }),
    entries.map((entry) => entry.size),
    hash,
  );
  let offset = 0;
  let index = 0;
  for await (const bytes of pieces) {
    const entry = entries[index++];
    if (entry === undefined) break;
    yield { bytes, length: entry.length, checksum: entry.checksum, where: { file: path, offset } };
    offset += entry.size;
  }
  const sha256 = hash.digest('hex');
  if (sha256 !== part.sha256) {
    throw new Failure(
      'part-damaged',
      `${path} was changed since it was written: its SHA-256 differs`,
      {
        hint: 'btrferry verify tells what is lost; restore this file from another copy',
        where: { file: path, expected: part.sha256, found: sha256 },
      },
    );
  }
}

/** Cuts pieces of any size into pieces of the sizes given; what is left over is only hashed. */
async function* cut(
  pieces: AsyncIterable<Uint8Array>,
  sizes: readonly number[],
  hash: { update(bytes: Uint8Array): unknown },
): AsyncGenerator<Uint8Array> {
  let index = 0;
  let current = new Uint8Array(sizes[0] ?? 0);
  let filled = 0;
  for await (const piece of pieces) {
    hash.update(piece);
    let at = 0;
    while (at < piece.length && index < sizes.length) {
      const take = piece.subarray(at, at + current.length - filled);
      current.set(take, filled);
      filled += take.length;
      at += take.length;
      if (filled < current.length) break;
      yield current;
      index++;
      current = new Uint8Array(sizes[index] ?? 0);
      filled = 0;
    }
  }
}

function missing(path: string): Failure {
  return new Failure('part-missing', `${path} is missing`, {
    hint: 'restore this file from another copy of the archive',
    where: { file: path },
  });
}

function otherLength(path: string, part: ManifestPart, found: number): Failure {
  return new Failure('part-damaged', `${path} has ${found} bytes instead of ${part.length}`, {
    hint: 'restore this file from another copy of the archive',
    where: { file: path, expected: `${part.length}`, found: `${found}` },
  });
}
