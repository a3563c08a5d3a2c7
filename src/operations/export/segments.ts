import { isStreamName, MANIFEST_FILE, SEGMENT_FILE, STREAMS } from '../../archive/layout.ts';
import { readDocument } from '../../archive/read/document.ts';
import { failureOfFile } from '../../failure/failure.ts';
import { segmentDocument } from '../../manifest/document.ts';
import type { Segment } from '../../manifest/schema.ts';
import type { Store } from '../../store/store.ts';

/** A segment in an archive. */
export interface FoundSegment {
  /** Name of its directory below `streams`. */
  readonly directory: string;
  readonly segment: Segment;
}

/** Reads the segments in an archive. One that cannot be used counts as absent. */
export async function segmentsIn(store: Store): Promise<FoundSegment[]> {
  const found: FoundSegment[] = [];
  for (const { name, kind } of await store.list(STREAMS)) {
    if (kind !== 'directory' || !isStreamName(name)) continue;
    const files = new Set((await store.list(`${STREAMS}/${name}`)).map((entry) => entry.name));
    if (!files.has(SEGMENT_FILE) || files.has(MANIFEST_FILE)) continue;
    try {
      const file = `${STREAMS}/${name}/${SEGMENT_FILE}`;
      found.push({ directory: name, segment: await readDocument(store, file, segmentDocument) });
    } catch (error) {
      failureOfFile(error);
    }
  }
  return found;
}
