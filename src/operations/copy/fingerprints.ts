import { createHash } from 'node:crypto';
import { FINGERPRINT_FILE, fingerprintPlace, SUMS_FILE, sumsText } from '../../archive/layout.ts';
import { partChanged } from '../../archive/read/damage.ts';
import { readFingerprints, type StoredFingerprint } from '../../archive/read/fingerprints.ts';
import { checkStored, checkSums } from '../../archive/read/integrity.ts';
import { exit, Failure } from '../../failure/failure.ts';
import { fingerprintDocument } from '../../manifest/document.ts';
import type { ManifestPart } from '../../manifest/schema.ts';
import { readWhole, type StagedDocument, type WritableStore } from '../../store/store.ts';
import type { TarWriter } from '../../store/tar/tar-writer.ts';

/**
 * Copies the fingerprints that a store lacks, and replaces damaged ones.
 *
 * @returns why some were not copied
 */
export async function copyFingerprints(
  fingerprints: readonly StoredFingerprint[],
  store: WritableStore,
  signal: AbortSignal,
): Promise<Failure[]> {
  const failures: Failure[] = [];
  const there = await readFingerprints(store);
  for (const stored of onePerDirectory(fingerprints)) {
    const { directory } = stored.source;
    const same = there.fingerprints.find(({ source }) => source.directory === directory);
    const damaged = there.damaged.some((each) => each.directory === directory);
    try {
      if (same !== undefined && (await isIntact(same))) continue;
      await copyFingerprint(stored, store, same !== undefined || damaged, signal);
    } catch (error) {
      if (!(error instanceof Failure) || error.exitCode !== exit.damaged) throw error;
      failures.push(error);
    }
  }
  return failures;
}

async function copyFingerprint(
  stored: StoredFingerprint,
  store: WritableStore,
  replaces: boolean,
  signal: AbortSignal,
): Promise<void> {
  const { source, fingerprint } = stored;
  const stage = await store.stage(fingerprintPlace(source.directory.replace(/^.*\//, '')));
  try {
    for (const { name } of stage.leftovers) await stage.remove(name);
    for (const part of fingerprint.parts) {
      const sink = await stage.write(part.file);
      for await (const piece of partOf(stored, part, signal)) await sink.write(piece);
      await sink.close();
    }
    if (replaces) await store.remove(source.directory);
    await stage.publish(await documentsOf(stored));
  } catch (error) {
    await stage.discard().catch(() => {});
    throw error;
  }
}

/** Writes the documents of fingerprints into a tar file. */
export async function fingerprintDocumentsInto(
  fingerprints: readonly StoredFingerprint[],
  tar: TarWriter,
): Promise<void> {
  for (const stored of onePerDirectory(fingerprints)) {
    for (const { file, bytes } of await documentsOf(stored)) {
      await tar.file(`${stored.source.directory}/${file}`, bytes.length, [bytes]);
    }
  }
}

/** Writes their parts. */
export async function fingerprintPartsInto(
  fingerprints: readonly StoredFingerprint[],
  tar: TarWriter,
  signal: AbortSignal,
): Promise<void> {
  for (const stored of onePerDirectory(fingerprints)) {
    for (const part of stored.fingerprint.parts) {
      const path = `${stored.source.directory}/${part.file}`;
      await tar.file(path, part.length, partOf(stored, part, signal));
    }
  }
}

/** The bytes of a part. Fails after the last one if they are not those that were written. */
async function* partOf(
  stored: StoredFingerprint,
  part: ManifestPart,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  for await (const piece of stored.source.read(part.file, { start: 0, end: part.length })) {
    signal.throwIfAborted();
    hash.update(piece);
    yield piece;
  }
  const found = hash.digest('hex');
  if (found !== part.sha256) throw partChanged(stored, part, found);
}

/** The documents of a fingerprint, as they are: a later version may have members that this one ignores. */
async function documentsOf({ source, fingerprint }: StoredFingerprint): Promise<StagedDocument[]> {
  const bytes = await readWhole(source.read(FINGERPRINT_FILE), fingerprintDocument.limit);
  const document = bytes ?? new Uint8Array(0);
  fingerprintDocument.decode(document, `${source.directory}/${FINGERPRINT_FILE}`);
  return [
    { file: SUMS_FILE, bytes: Buffer.from(sumsText(fingerprint.parts)) },
    { file: FINGERPRINT_FILE, bytes: document },
  ];
}

/** Of fingerprints in several archives, takes the first of each directory. */
function onePerDirectory(fingerprints: readonly StoredFingerprint[]): StoredFingerprint[] {
  const first = new Map<string, StoredFingerprint>();
  for (const stored of fingerprints) {
    if (!first.has(stored.source.directory)) first.set(stored.source.directory, stored);
  }
  return [...first.values()];
}

async function isIntact(stored: StoredFingerprint): Promise<boolean> {
  if ((await checkStored(stored)).length > 0) return false;
  try {
    for (const part of stored.fingerprint.parts) await checkSums(stored, part, () => {});
    return true;
  } catch (error) {
    if (error instanceof Failure && error.exitCode === exit.damaged) return false;
    throw error;
  }
}
