import { Failure } from '../../failure/failure.ts';
import type { Entry, OpenFile } from '../store.ts';
import { BLOCK, END_BLOCKS, NotTarHeader, padded, readHeader } from './tar-header.ts';

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
    if (offset + length > size) throw cutShort(location, size);
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
    if (!Number.isSafeInteger(length) || offset + length > size) throw cutShort(location, size);
    index.set(plainPath(name), { kind, offset, length });
    at = offset + padded(length);
  }
}

function isZero(block: Uint8Array): boolean {
  return block.every((byte) => byte === 0);
}

function plainPath(name: string): string {
  return name.replace(/^(?:\.\/+)+/, '').replace(/\/+$/, '');
}

function notTar(location: string, offset: number): Failure {
  if (offset === 0) {
    return new Failure('not-an-archive', `${location} is not a tar file`, {
      hint: 'name a tar file that btrferry copy has made, or one of an archive directory',
      where: { archive: location, offset },
    });
  }
  return new Failure('archive-damaged', `${location} has no tar header at byte ${offset}`, {
    hint: 'copy the file again, or take another copy of it',
    where: { archive: location, offset },
  });
}

function cutShort(location: string, size: number): Failure {
  return new Failure('archive-damaged', `${location} is cut short: it has no end-of-archive`, {
    hint: 'copy the file again; to use the streams before the cut, unpack it with tar -xf',
    where: { archive: location, offset: size },
  });
}
