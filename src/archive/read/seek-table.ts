import { Failure, type Where } from '../../failure/failure.ts';
import type { ManifestPart } from '../../manifest/schema.ts';
import { readWhole } from '../../store/store.ts';
import { FRAME_SIZE } from '../../zstd/frame.ts';
import {
  decodeSeekTable,
  SEEK_FOOTER_SIZE,
  type SeekEntry,
  seekTableSize,
} from '../../zstd/seek-table.ts';
import { fromCopy } from './damage.ts';
import { placeIn } from './source.ts';
import type { StoredParts } from './stored-stream.ts';

/**
 * Reads the seek table at the end of a part, which says where its frames lie. Only the last frame of
 * a stream may hold less than FRAME_SIZE.
 *
 * @throws {Failure} `seek-table-damaged`, `read-failed`
 */
export async function readSeekTable(stream: StoredParts, part: ManifestPart): Promise<SeekEntry[]> {
  const { source, manifest } = stream;
  const place = placeIn(source, part.file);
  const tail = async (size: number) => {
    const range = { start: Math.max(0, part.length - size), end: part.length };
    return (await readWhole(source.read(part.file, range), size)) ?? new Uint8Array(0);
  };
  const unusable = (why: string, where: Where, cause?: unknown) =>
    new Failure('seek-table-damaged', `${place.file}: ${why}`, {
      hint: fromCopy(source.directory),
      where: { ...where, ...place },
      cause,
    });
  let entries: SeekEntry[];
  try {
    const tableSize = seekTableSize(await tail(SEEK_FOOTER_SIZE), part.length);
    entries = decodeSeekTable(await tail(tableSize), part.length);
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== 'seek-table-damaged') throw error;
    throw unusable(error.message, error.where, error);
  }
  const streamLength = entries.reduce((sum, entry) => sum + entry.length, 0);
  if (streamLength !== part.streamLength) {
    throw unusable('its seek table and the manifest differ in the length of stream', {
      expected: `${part.streamLength}`,
      found: `${streamLength}`,
    });
  }
  const isLast = part.offset + part.streamLength === manifest.stream.length;
  if (!isLast && streamLength % FRAME_SIZE !== 0) {
    throw unusable('its last frame is short, though more of the stream follows', {
      expected: `${FRAME_SIZE}`,
      found: `${entries.at(-1)?.length}`,
    });
  }
  return entries;
}
