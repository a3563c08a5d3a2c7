import { randomUUID } from 'node:crypto';
import { Failure } from '../../failure/failure.ts';
import { headerDocument } from '../../manifest/document.ts';
import { FORMAT_VERSION } from '../../manifest/format.ts';
import { program } from '../../manifest/program.ts';
import { readWhole, type Store, type WritableStore, writeWhole } from '../../store/store.ts';
import { HEADER_FILE } from '../layout.ts';
import { readHeader } from '../read/header.ts';
import { README_FILE, readmeText } from './readme.ts';

/**
 * Makes an archive of an empty store, and replaces a damaged header. Keeps what was left of it,
 * because it may be the only trace of which archive this was.
 *
 * @returns the file that a damaged header was moved to; undefined if there was none
 * @throws {Failure} `format-version`, `format-feature`, `read-failed`: such a header is not replaced
 */
export async function ensureHeader(
  store: WritableStore,
  label: string | undefined,
): Promise<string | undefined> {
  if (await isHeaderWhole(store)) return undefined;
  const aside = await setHeaderAside(store);
  await ensureReadme(store);
  await writeWhole(store, HEADER_FILE, newHeader(label));
  return aside;
}

/** The bytes of the header of a new archive. */
export function newHeader(label: string | undefined): Uint8Array {
  return headerDocument.encode({
    format: 'btrferry/archive',
    version: FORMAT_VERSION,
    features: [],
    id: randomUUID(),
    ...(label === undefined ? {} : { label }),
    tool: program,
    createdAt: new Date().toISOString(),
  });
}

async function isHeaderWhole(store: Store): Promise<boolean> {
  try {
    return (await readHeader(store)) !== undefined;
  } catch (error) {
    if (error instanceof Failure && error.code === 'manifest-damaged') return false;
    throw error;
  }
}

/** Keeps a file of that name, which may be the user's. FAT ignores the case of letters. */
async function ensureReadme(store: WritableStore): Promise<void> {
  const top = await store.list('');
  if (top.some(({ name }) => name.toUpperCase() === README_FILE.toUpperCase())) return;
  await writeWhole(store, README_FILE, Buffer.from(readmeText(program)));
}

async function setHeaderAside(store: WritableStore): Promise<string | undefined> {
  const top = await store.list('');
  if (!top.some(({ name }) => name === HEADER_FILE)) return undefined;
  const bytes = await readWhole(store.read(HEADER_FILE), headerDocument.limit);
  const aside = `${HEADER_FILE}.damaged`;
  if (bytes === undefined || top.some(({ name }) => name === aside)) {
    throw new Failure('manifest-damaged', `${HEADER_FILE} of ${store.location} is damaged`, {
      hint: 'move this file aside: the streams do not need it, and the next export makes a new one',
      where: { archive: store.location, file: HEADER_FILE },
    });
  }
  await writeWhole(store, aside, bytes);
  return aside;
}
