import { Failure } from '../../failure/failure.ts';
import { bytesOf } from '../../names/byte-string.ts';
import type { StreamName } from '../../names/title.ts';
import type { StoredFingerprint } from './fingerprints.ts';
import type { StoredStream } from './stored-stream.ts';

/**
 * Finds the streams that a word means: by title, name, directory in the archive, UUID, or at least
 * four digits of its beginning. The title may be followed by the first eight digits of the UUID, as
 * in lists with ambiguous titles.
 */
export function streamsCalled(streams: readonly StoredStream[], word: string): StoredStream[] {
  return called(streams, word);
}

/** Finds the fingerprints that a word means, in the same way. */
export function fingerprintsCalled(
  fingerprints: readonly StoredFingerprint[],
  word: string,
): StoredFingerprint[] {
  return called(fingerprints, word);
}

function called<T extends Pick<StoredStream, 'called' | 'source' | 'uuid'>>(
  list: readonly T[],
  word: string,
): T[] {
  const bytes = Buffer.from(word);
  const digits = /^[0-9a-f-]{4,36}$/i.test(word) ? word.toLowerCase() : undefined;
  return list.filter(
    ({ called, source, uuid }) =>
      bytesOf(called.title).equals(bytes) ||
      bytesOf(called.name).equals(bytes) ||
      isWithDigits(called, bytes) ||
      source.directory.endsWith(`/${word}`) ||
      (digits !== undefined && uuid.startsWith(digits)),
  );
}

function isWithDigits({ title, uuid }: StreamName, word: Buffer): boolean {
  const own = bytesOf(title);
  return ['.', ' '].some((between) =>
    Buffer.concat([own, Buffer.from(`${between}${uuid.slice(0, 8)}`)]).equals(word),
  );
}

/**
 * Finds the streams that a word means.
 *
 * @throws {Failure} `not-found` if it means none
 */
export function select(streams: readonly StoredStream[], word: string): StoredStream[] {
  const found = streamsCalled(streams, word);
  if (found.length > 0) return found;
  throw new Failure('not-found', `no stream is called ${word}, and no UUID begins with it`, {
    hint: 'btrferry list shows the streams; of a UUID give four digits or more',
  });
}
