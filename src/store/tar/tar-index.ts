import type { Entry, OpenFile } from '../store.ts';
import { archiveCutShort, notTar } from './tar-failures.ts';
import {
  BLOCK,
  END_BLOCKS,
  isZero,
  NotTarHeader,
  padded,
  plainPath,
  readHeader,
} from './tar-header.ts';

/** The place of a file or directory in a tar file. */
export interface TarEntry {
  readonly kind: Entry['kind'];
  /** Bytes from the start of the tar file to the contents. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
}

/** The entries of a tar file by their paths, without `./` in front and a slash at the end. */
export type TarIndex = ReadonlyMap<string, TarEntry>;

/**
 * Reads the headers of a tar file and skips the contents. Of several entries with one name, the last
 * counts, as for `tar -x`.
 *
 * @param size bytes of the tar file
 * @throws {Failure} `not-an-archive` if it is not a tar file; `archive-damaged` if a header is
 *   damaged, or the file ends before its end-of-archive blocks; `read-failed`
 */
export async function readTarIndex(
  location: string,
  file: Pick<OpenFile, 'read'>,
  size: number,
): Promise<TarIndex> {
  const index = new Map<string, TarEntry>();
  const bytesAt = async (offset: number, length: number) => {
    if (offset + length > size) throw archiveCutShort(location, size);
    const bytes = Buffer.alloc(length);
    await file.read(bytes, offset);
    return bytes;
  };
  for (let at = 0; ; ) {
    const first = await bytesAt(at, BLOCK);
    if (isZero(first)) {
      if (isZero(await bytesAt(at, END_BLOCKS * BLOCK))) return index;
      throw notTar(location, at + BLOCK);
    }
    const header = await readHeader((number) =>
      number === 0 ? Promise.resolve(first) : bytesAt(at + number * BLOCK, BLOCK),
    ).catch((error) => {
      throw error instanceof NotTarHeader ? notTar(location, at) : error;
    });
    const { name, length, kind } = header;
    const offset = at + header.size;
    if (offset + length > size) throw archiveCutShort(location, size);
    index.set(plainPath(name), { kind, offset, length });
    at = offset + padded(length);
  }
}
