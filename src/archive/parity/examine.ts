import { failureOfFile } from '../../failure/failure.ts';
import { CHECKSUM_SIZE, type ProtectedFile } from '../../parity/packet.ts';
import { SliceSum } from '../../parity/sums.ts';
import type { OpenFile } from '../../store/store.ts';
import type { StreamSource } from '../read/source.ts';
import type { ParitySet } from './read.ts';

/** The largest piece that is read at a time, bytes. */
export const PIECE = 1024 * 1024;

/** The state of one file of a set. */
export interface Examined {
  readonly file: ProtectedFile;
  /** Index of its first slice in the set. */
  readonly first: number;
  /** Indexes of its lost slices in the set. */
  readonly lost: readonly number[];
  /** It has to be written anew. */
  readonly isDamaged: boolean;
}

/** The number of slices of a file. */
export function slicesOf({ checksums }: ProtectedFile): number {
  return checksums.length / CHECKSUM_SIZE;
}

/** Compares each slice of a set with its checksums. */
export async function examine(
  set: ParitySet,
  source: StreamSource,
  signal: AbortSignal,
): Promise<Examined[]> {
  const lengths = new Map((await source.list()).map(({ name, length }) => [name, length]));
  const examined: Examined[] = [];
  let first = 0;
  for (const file of set.files) {
    const own = first;
    const count = slicesOf(file);
    const lost: number[] = [];
    const opened = await openedOr(source, file.name);
    try {
      for (let slice = 0; slice < count; slice++) {
        signal.throwIfAborted();
        const isGood = opened !== undefined && (await isIntact(opened, file, slice, set.sliceSize));
        if (!isGood) lost.push(own + slice);
      }
    } finally {
      opened?.close();
    }
    const isDamaged = lost.length > 0 || lengths.get(file.name) !== file.length;
    examined.push({ file, first, lost, isDamaged });
    first += count;
  }
  return examined;
}

/** Opens a file; undefined if that is not possible. */
export async function openedOr(source: StreamSource, file: string): Promise<OpenFile | undefined> {
  try {
    return await source.open(file);
  } catch (error) {
    failureOfFile(error);
    return undefined;
  }
}

async function isIntact(
  opened: OpenFile,
  { length, checksums }: ProtectedFile,
  slice: number,
  sliceSize: number,
): Promise<boolean> {
  const sum = new SliceSum(sliceSize);
  const end = Math.min(length, (slice + 1) * sliceSize);
  try {
    for (let at = slice * sliceSize; at < end; at += PIECE) {
      const piece = new Uint8Array(Math.min(PIECE, end - at));
      await opened.read(piece, at);
      sum.push(piece);
    }
  } catch (error) {
    failureOfFile(error);
    return false;
  }
  const expected = checksums.subarray(slice * CHECKSUM_SIZE, (slice + 1) * CHECKSUM_SIZE);
  return sum.finish().equals(expected);
}
