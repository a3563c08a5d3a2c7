import { digestAt, digestOfZeros } from './blocks.ts';
import { CLONED, type RegularFile } from './entry.ts';

/** Consecutive bytes of a new file that the old file does not have at the same place. */
export interface Run {
  /** Bytes from the start of the file. */
  readonly start: number;
  readonly end: number;
  /** Where the old file has these bytes; undefined if it does not have them. */
  readonly from: number | undefined;
}

/**
 * Finds the blocks of a file that are not those of its old version, and where else that has them.
 * Zeros after the end of the old version are left out.
 */
export function changedRuns(old: RegularFile, file: RegularFile, blockSize: number): Run[] {
  const before = Buffer.from(old.digests);
  let places: Map<string, number> | undefined;
  const placeOf = (digest: Uint8Array): number | undefined => {
    if (old.size < CLONED) return undefined;
    places ??= placesIn(old, blockSize);
    return places.get(keyOf(digest));
  };
  return runsOf(file, blockSize, (digest, start, length) => {
    const beyond = start >= old.size;
    if (beyond && isZeros(digest, length)) return undefined;
    if (!beyond && digestAt(before, start / blockSize).every((byte, at) => byte === digest[at])) {
      return undefined;
    }
    return { from: length === blockSize ? placeOf(digest) : undefined };
  });
}

/** Where a file has each of its whole blocks first. Only those can be cloned. */
function placesIn({ size, digests }: RegularFile, blockSize: number): Map<string, number> {
  const places = new Map<string, number>();
  for (let at = 0; at + blockSize <= size; at += blockSize) {
    const key = keyOf(digestAt(digests, at / blockSize));
    if (!places.has(key)) places.set(key, at);
  }
  return places;
}

/** Finds the blocks of a file that are not zeros. */
export function filledRuns(file: RegularFile, blockSize: number): Run[] {
  return runsOf(file, blockSize, (digest, _, length) =>
    isZeros(digest, length) ? undefined : { from: undefined },
  );
}

/** Joins the blocks that are wanted, and whose sources follow each other, to runs. */
function runsOf(
  { size, digests }: RegularFile,
  blockSize: number,
  want: (
    digest: Uint8Array,
    start: number,
    length: number,
  ) => { from: number | undefined } | undefined,
): Run[] {
  const runs: { start: number; end: number; from: number | undefined }[] = [];
  for (let start = 0; start < size; start += blockSize) {
    const length = Math.min(blockSize, size - start);
    const wanted = want(digestAt(digests, start / blockSize), start, length);
    if (wanted === undefined) continue;
    const { from } = wanted;
    const last = runs.at(-1);
    const follows =
      last?.end === start &&
      (last.from === undefined ? from === undefined : last.from + (last.end - last.start) === from);
    if (follows) last.end += length;
    else runs.push({ start, end: start + length, from });
  }
  return runs;
}

function isZeros(digest: Uint8Array, length: number): boolean {
  return digestOfZeros(length).every((byte, at) => byte === digest[at]);
}

function keyOf(digest: Uint8Array): string {
  return Buffer.from(digest.buffer, digest.byteOffset, digest.length).toString('latin1');
}
