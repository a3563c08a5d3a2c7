import { checkParity } from '../../archive/parity/check.ts';
import { repairStream } from '../../archive/parity/repair.ts';
import { readCatalog } from '../../archive/read/catalog.ts';
import { type StreamSource, sourceIn } from '../../archive/read/source.ts';
import type { StoredStream } from '../../archive/read/stored-stream.ts';
import { exit, type Failure, failureOfFile } from '../../failure/failure.ts';
import type { StreamName } from '../../names/title.ts';
import type { Lock, WritableStore } from '../../store/store.ts';
import type { Context } from '../operation.ts';
import { repairableStoreAt } from '../protect/store.ts';
import type { Report } from './stream.ts';

/** Archives whose streams are repaired by their parity. */
export interface Repairs {
  /**
   * Repairs the files of a damaged stream, and reads the stream again. If they can't be repaired,
   * adds the reason to the failures.
   */
  mended(stream: StoredStream, report: Report, again: () => Promise<Report>): Promise<Report>;
  /** The failures to repair streams whose manifest is damaged. */
  readonly failures: readonly Failure[];
  /** Drops the locks. */
  release(): Promise<void>;
}

/**
 * Locks archives, and repairs the manifests in them, because nothing of a stream can be read without
 * its manifest.
 *
 * @throws {Failure} `usage`, `archive-unfit`, `archive-locked`, `not-an-archive`
 */
export async function beginRepairs(
  locations: readonly string[],
  context: Context,
): Promise<Repairs> {
  const stores = locations.map((location) => repairableStoreAt(location, context.signal));
  const locks: Lock[] = [];
  const failures: Failure[] = [];
  const release = async () => {
    for (const lock of locks) await lock.release();
  };
  try {
    for (const store of stores) {
      // Before the lock, which makes a file.
      await readCatalog(store);
      locks.push(await store.lock());
      for (const { directory } of (await readCatalog(store)).damaged) {
        const failure = await repaired(store, sourceIn(store, directory, null), undefined, context);
        if (failure !== undefined) failures.push(failure);
      }
    }
  } catch (error) {
    await release();
    throw error;
  }
  return {
    failures,
    release,
    async mended(stream, report, again) {
      const { source, called } = stream;
      const store = stores.find(({ location }) => location === source.archive) as WritableStore;
      const failure = await repaired(store, source, called, context);
      if (failure === undefined) return again();
      return { ...report, failures: [...report.failures, failure] };
    },
  };
}

/** Repairs a stream. Returns the reason if that is not possible. */
async function repaired(
  store: WritableStore,
  source: StreamSource,
  stream: StreamName | undefined,
  { emit, signal }: Context,
): Promise<Failure | undefined> {
  try {
    const done = await repairStream({ store, source, signal });
    const { archive, directory } = source;
    const named = stream === undefined ? {} : { stream };
    emit({ type: 'stream-repaired', ...named, archive, directory, ...done });
    return undefined;
  } catch (error) {
    const failure = failureOfFile(error);
    if (failure.exitCode !== exit.damaged) throw failure;
    return failure;
  }
}

/** Reads the parity of a stream. Returns the number of its blocks, or null, and its faults. */
export async function parityOf(
  stream: StoredStream,
  { signal }: Context,
): Promise<{ parity: { blocks: number } | null; failures: readonly Failure[] }> {
  try {
    const { isProtected, blocks, failures } = await checkParity(stream, signal);
    return { parity: isProtected ? { blocks } : null, failures };
  } catch (error) {
    return { parity: null, failures: [failureOfFile(error)] };
  }
}
