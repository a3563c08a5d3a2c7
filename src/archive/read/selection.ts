import { bytesOf } from '../../names/byte-string.ts';
import type { StreamName } from '../../names/title.ts';
import type { StoredStream } from './stored-stream.ts';

/**
 * Finds the streams that a word means: by title, name, directory in the archive, UUID, or at least
 * four digits of its beginning. The title may be followed by the first eight digits of the UUID, as
 * in lists with ambiguous titles.
 */
export function streamsCalled(streams: readonly StoredStream[], word: string): StoredStream[] {
  const bytes = Buffer.from(word);
  const digits = /^[0-9a-f-]{4,36}$/i.test(word) ? word.toLowerCase() : undefined;
  return streams.filter(
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
