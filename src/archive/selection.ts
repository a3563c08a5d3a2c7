import { bytesFromText } from '../manifest/text.ts';
import type { StoredStream } from './catalog.ts';

/**
 * The streams that a word of the user's names: by title, by name, by the name of the directory
 * in the archive, or by the UUID or its beginning of four digits and more. All that fit are meant.
 */
export function streamsCalled(streams: readonly StoredStream[], word: string): StoredStream[] {
  const bytes = Buffer.from(word);
  const digits = /^[0-9a-f-]{4,36}$/i.test(word) ? word.toLowerCase() : undefined;
  return streams.filter(
    ({ called, directory, uuid }) =>
      bytesFromText(called.title).equals(bytes) ||
      bytesFromText(called.name).equals(bytes) ||
      directory.endsWith(`/${word}`) ||
      (digits !== undefined && uuid.startsWith(digits)),
  );
}
