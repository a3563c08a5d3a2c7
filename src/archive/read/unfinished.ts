import type { Store } from '../../store/store.ts';
import { incomingName, isIncoming, isStreamName, STREAMS } from '../layout.ts';

/** A draft in an archive: a stream that an interrupted run left unfinished. */
export interface Unfinished {
  /** The name that its directory will have when it is published. */
  readonly directory: string;
  /** Path of the draft in the archive. */
  readonly file: string;
  /** Bytes of its files. */
  readonly stored: number;
}

/** Finds the drafts in an archive, which need not exist, and the space that they take. */
export async function unfinishedIn(store: Store): Promise<Unfinished[]> {
  const found: Unfinished[] = [];
  for (const { name } of await store.list(STREAMS)) {
    if (!isIncoming(name) || !isStreamName(incomingName(name))) continue;
    const file = `${STREAMS}/${name}`;
    const stored = (await store.list(file)).reduce((sum, { length }) => sum + length, 0);
    found.push({ directory: incomingName(name), file, stored });
  }
  return found;
}
