import { createHash } from 'node:crypto';
import { exit, Failure } from '../../failure/failure.ts';
import { SPANNED } from '../../manifest/format.ts';
import type { ManifestPart } from '../../manifest/schema.ts';
import { readWhole } from '../../store/store.ts';
import { FramesHash } from '../../zstd/checksum.ts';
import { PART_LIKE, SUMS_FILE, sumsText } from '../layout.ts';
import { foreignPart, otherLength, partChanged, partMissing } from './damage.ts';
import { readSeekTable } from './seek-table.ts';
import { placeIn } from './source.ts';
import type { StoredParts, StoredStream } from './stored-stream.ts';

/**
 * Checks the files of a stream without reading them. Returns a failure for each part that is missing
 * or has another length, and for each file that `cat *.btrfs.zst` would take for a part.
 */
export async function checkStored(stream: StoredParts): Promise<Failure[]> {
  const { source, manifest } = stream;
  const files = new Map((await source.list()).map((entry) => [entry.name, entry]));
  const failures: Failure[] = [];
  for (const part of manifest.parts) {
    const entry = files.get(part.file);
    if (entry?.kind !== 'file') failures.push(partMissing(stream, part));
    else if (entry.length !== part.length) failures.push(otherLength(stream, part, entry.length));
  }
  const parts = new Set(manifest.parts.map(({ file }) => file));
  for (const name of files.keys()) {
    if (PART_LIKE.test(name) && !parts.has(name)) failures.push(foreignPart(source, name));
  }
  return failures;
}

/** The failure of a stream that an export spread, if a part is on a medium that is not here. */
export async function missingMedium(stream: StoredStream): Promise<Failure | undefined> {
  if (!stream.manifest.features.includes(SPANNED)) return undefined;
  return (await checkStored(stream)).find(({ code }) => code === 'medium-missing');
}

/** Of the failures that {@link checkStored} found, that of a file which is no part of the stream. */
export function foreignAmong(
  failures: readonly Failure[],
  { source, manifest }: StoredParts,
): Failure | undefined {
  const parts = new Set(manifest.parts.map(({ file }) => placeIn(source, file).file));
  return failures.find(({ where }) => !parts.has(where.file ?? ''));
}

/** Returns a failure if a part of a stream lies in cold storage, where it cannot be read. */
export async function coldPart({ source, manifest }: StoredParts): Promise<Failure | undefined> {
  const cold = (await source.list()).filter(({ isCold }) => isCold).map(({ name }) => name);
  const part = manifest.parts.find(({ file }) => cold.includes(file));
  if (part === undefined) return undefined;
  const place = placeIn(source, part.file);
  return new Failure('cold-storage', `${source.directory} lies in cold storage`, {
    hint: `restore its parts first, which takes hours: aws s3api restore-object, for each of the ${cold.length} objects ${place.file} …`,
    where: place,
  });
}

/**
 * Reports whether SHA256SUMS agrees with the manifest. Only people use it; the stream does not need
 * it.
 *
 * @throws {Failure} `storage-failed`
 */
export async function hasSums({ source, manifest }: StoredParts): Promise<boolean> {
  // An export that spreads a stream lists the parts of one medium there.
  const own = manifest.parts.filter(({ medium }) => typeof medium !== 'object');
  const [expected, ofMedium] = [sumsText(manifest.parts), sumsText(own)];
  try {
    const found = await readWhole(source.read(SUMS_FILE), expected.length);
    const text = Buffer.from(found ?? []).toString('latin1');
    return text === expected || text === ofMedium;
  } catch (error) {
    if (error instanceof Failure && error.code === 'read-failed') return false;
    throw error;
  }
}

/**
 * Checks that the seek tables list the frames of the stream in the manifest, by reading the tables
 * only. Returns the failure, also for a part that is missing or cut short.
 */
export async function checkFrames(stream: StoredParts): Promise<Failure | undefined> {
  const { source, manifest, uuid } = stream;
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
    `${source.directory}: the frames in its seek tables are not those of its manifest`,
    { where: { ...placeIn(source), uuid, expected, found } },
  );
}

/**
 * Reads a part and compares its SHA-256 with the manifest.
 *
 * @param progress is called with the length of each piece
 * @throws {Failure} `part-damaged`, `read-failed`
 */
export async function checkSums(
  stream: StoredParts,
  part: ManifestPart,
  progress: (bytes: number) => void,
): Promise<void> {
  const sha256 = await storedSum(stream, part, progress);
  if (sha256 !== part.sha256) throw partChanged(stream, part, sha256);
}

/** Computes the SHA-256 of a part as it is stored, in hex. */
export async function storedSum(
  { source }: StoredParts,
  part: ManifestPart,
  progress: (bytes: number) => void,
): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of source.read(part.file)) {
    hash.update(piece);
    progress(piece.length);
  }
  return hash.digest('hex');
}
