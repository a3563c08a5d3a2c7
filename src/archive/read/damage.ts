import { exit, Failure } from '../../failure/failure.ts';
import type { ManifestPart, Segment } from '../../manifest/schema.ts';
import { FINGERPRINTS, SEGMENT_FILE } from '../layout.ts';
import { placeIn, type StreamSource } from './source.ts';
import type { StoredParts } from './stored-stream.ts';

/** Failures of a stream's stored files, and the advice that goes with them. */

/** The advice for a stored file that is damaged. */
export function fromCopy(directory: string): string {
  const again = directory.startsWith(`${FINGERPRINTS}/`)
    ? 'make the fingerprint again'
    : 'export the snapshot again';
  return `restore this file from another copy, or move ${directory} out of the archive and ${again}`;
}

/** Reports whether an error means that a copy of a stream cannot be read there, and others may be. */
export function isDamage(error: unknown): error is Failure {
  if (!(error instanceof Failure)) return false;
  return error.exitCode === exit.damaged || error.code === 'cold-storage';
}

/** The failure of a part whose bytes are not those that were written. */
export function partChanged({ source }: StoredParts, part: ManifestPart, found: string): Failure {
  const place = placeIn(source, part.file);
  return new Failure('part-damaged', `${place.file} was changed since it was written`, {
    hint: fromCopy(source.directory),
    where: { ...place, expected: part.sha256, found },
  });
}

/** The failure of a part that is not there. It is no damage if it was written to another medium. */
export function partMissing({ source }: StoredParts, { file, medium }: ManifestPart): Failure {
  const place = placeIn(source, file);
  if (typeof medium === 'object') {
    const named = mediumText(medium);
    return new Failure('medium-missing', `${place.file} lies on another medium, ${named}`, {
      hint: `connect ${named}, and name its archive as well`,
      where: { ...place, expected: medium.id },
    });
  }
  const elsewhere = medium === undefined ? '' : `; the manifest says that it lies on ${medium}`;
  return new Failure('part-missing', `${place.file} is missing${elsewhere}`, {
    hint: fromCopy(source.directory),
    where: place,
  });
}

/** The failure of a stream whose manifest lies on the medium where it continues. */
export function continuesElsewhere(source: StreamSource, { span }: Segment): Failure {
  const named = span.next === null ? 'another medium' : mediumText(span.next);
  return new Failure('medium-missing', `${source.directory} continues on ${named}`, {
    hint: `connect ${named}, and name its archive as well`,
    where: {
      ...placeIn(source, SEGMENT_FILE),
      ...(span.next?.id ? { expected: span.next.id } : {}),
    },
  });
}

/** A medium by its label, or else by its id. */
export function mediumText({ id, label }: { id: string | null; label: string | null }): string {
  return label === null ? (id ?? 'another medium') : JSON.stringify(label);
}

/** The failure of a file that looks like a part and is none. */
export function foreignPart(source: StreamSource, file: string): Failure {
  const place = placeIn(source, file);
  return new Failure('part-damaged', `${place.file} does not belong to its stream`, {
    hint: 'remove this file: a restore by hand would read it as a part of the stream',
    where: place,
  });
}

/** The failure of a part that was cut short or grew. */
export function otherLength({ source }: StoredParts, part: ManifestPart, found: number): Failure {
  const place = placeIn(source, part.file);
  return new Failure('part-damaged', `${place.file} has ${found} bytes instead of ${part.length}`, {
    hint: fromCopy(source.directory),
    where: { ...place, expected: `${part.length}`, found: `${found}` },
  });
}

/** The failure of a stream that is not the one its manifest describes. */
export function streamDiffers({ source, uuid }: StoredParts, difference: string): Failure {
  return new Failure(
    'stream-differs-from-manifest',
    `${source.directory} is not what its manifest says: ${difference}`,
    {
      hint: 'do not trust this archive; look for the stream in another copy',
      where: { ...placeIn(source), uuid },
    },
  );
}

/** The advice for a damaged stream of which no more is known. */
export const generalAdvice =
  'btrferry verify lists what is lost; look for the stream in another copy';

/**
 * Adds the stream to a failure of its stored bytes, with `advice` if the failure has none. Returns
 * any other error as it is.
 */
export function failureIn<E>(
  { source, uuid }: StoredParts,
  error: E,
  advice = generalAdvice,
): E | Failure {
  if (!(error instanceof Failure)) return error;
  const { code, message, hint, where, exitCode } = error;
  if (exitCode !== exit.damaged && code !== 'stream-version') return error;
  const { directory } = source;
  const located = message.includes(directory);
  if (hint !== undefined && located) return error;
  return error.amended({
    message: located ? message : `${directory}: ${message}`,
    hint: hint ?? advice,
    where: { ...placeIn(source), uuid, ...where },
  });
}
