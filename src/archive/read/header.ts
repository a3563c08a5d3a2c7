import { Failure, failureOfFile } from '../../failure/failure.ts';
import { headerDocument } from '../../manifest/document.ts';
import type { ArchiveHeader } from '../../manifest/schema.ts';
import type { Store } from '../../store/store.ts';
import { HEADER_FILE, STREAMS } from '../layout.ts';
import { readDocument } from './document.ts';

/** An archive is there if it has a header or, because a header can be lost, streams. */
export async function isArchive(store: Store): Promise<boolean> {
  const top = await store.list('');
  return top.some(({ name }) => name === HEADER_FILE) || (await store.list(STREAMS)).length > 0;
}

/**
 * Reads the header; undefined if there is none.
 *
 * @throws {Failure} `manifest-damaged`, `format-version`, `format-feature`, `read-failed`
 */
export async function readHeader(store: Store): Promise<ArchiveHeader | undefined> {
  const top = await store.list('');
  if (!top.some(({ name }) => name === HEADER_FILE)) return undefined;
  return readDocument(store, HEADER_FILE, headerDocument);
}

/** The header, or why it cannot be used; both are undefined if there is none. */
export interface FoundHeader {
  readonly header: ArchiveHeader | undefined;
  readonly headerFailure: Failure | undefined;
}

/**
 * Reads the header as far as it can be used.
 *
 * @throws {Failure} `format-feature`: the streams may need the unknown feature, too
 */
export async function usableHeader(store: Store): Promise<FoundHeader> {
  try {
    return { header: await readHeader(store), headerFailure: undefined };
  } catch (error) {
    const failure = failureOfFile(error);
    if (failure.code === 'format-feature') throw failure;
    return { header: undefined, headerFailure: failure };
  }
}

/** The failure of an archive that has streams but no header. */
export function headerMissing({ location }: Store): Failure {
  return new Failure('manifest-damaged', `${HEADER_FILE} is missing from ${location}`, {
    hint: 'the streams stand on their own; the next export makes a new one',
    where: { archive: location, file: HEADER_FILE },
  });
}
