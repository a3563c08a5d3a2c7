import { setImmediate } from 'node:timers/promises';
import pMap from 'p-map';

/** Enough to keep Node's threads for files busy, and few enough for the files open at one time. */
const CONCURRENCY = 16;

/**
 * Runs `action`, which reads from a store, on each of `items`: up to 16 at a time, in no particular
 * order. Stops starting new ones after the first failure, and throws that failure.
 */
export async function concurrently<T>(
  items: readonly T[],
  action: (item: T) => Promise<void>,
): Promise<void> {
  const run = async (item: T) => {
    await action(item);
    // Cached files are read without waiting, and signals must be heard nevertheless.
    await setImmediate();
  };
  await pMap(items, run, { concurrency: CONCURRENCY });
}
