import { Failure } from '../../failure/failure.ts';
import { readWhole, type Store } from '../../store/store.ts';

/** Reads and decodes a JSON document of an archive. */
export async function readDocument<T>(
  store: Store,
  file: string,
  { limit, decode }: { readonly limit: number; decode(bytes: Uint8Array, file: string): T },
): Promise<T> {
  const bytes = await readWhole(store.read(file), limit);
  if (bytes !== undefined) return decoded(store, bytes, file, decode);
  throw new Failure('manifest-damaged', `${file} is larger than any that btrferry writes`, {
    hint: 'this was not made by btrferry; do not trust it',
    where: { archive: store.location, file, expected: `at most ${limit} bytes` },
  });
}

/** Decodes the bytes of a document; a failure names the archive too. */
export function decoded<T>(
  { location }: Store,
  bytes: Uint8Array,
  file: string,
  decode: (bytes: Uint8Array, file: string) => T,
): T {
  try {
    return decode(bytes, file);
  } catch (error) {
    throw error instanceof Failure ? error.amended({ where: { archive: location } }) : error;
  }
}
