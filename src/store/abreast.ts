import { setImmediate } from 'node:timers/promises';

/** Enough to keep Node's threads for files busy, and few enough for what is open at once. */
const ABREAST = 16;

/**
 * Runs `action`, which reads from a store, on each of `items`; on several at once, and so in no
 * certain order. When one fails no more are begun, and its error is thrown.
 */
export async function abreast<T>(
  items: readonly T[],
  action: (item: T) => Promise<void>,
): Promise<void> {
  const waiting = eachOf(items);
  const runners = Array.from({ length: ABREAST }, async () => {
    for (const item of waiting) {
      await action(item);
      // Files in memory are read without waiting: signals must be heard nevertheless.
      await setImmediate();
    }
  });
  await Promise.all(runners);
}

/** One for all: a loop that an error ends ends the others too. */
function* eachOf<T>(items: readonly T[]): Generator<T> {
  yield* items;
}
