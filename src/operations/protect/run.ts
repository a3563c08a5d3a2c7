import { readCatalog } from '../../archive/read/catalog.ts';
import { failureIn } from '../../archive/read/damage.ts';
import type { ProtectResult } from '../../events/protect.ts';
import { exit, type Failure, failureOfFile } from '../../failure/failure.ts';
import { namedByPlace } from '../../names/title.ts';
import type { WritableStore } from '../../store/store.ts';
import { warnOfHeaders, warnOfUnfinished } from '../archives/warnings.ts';
import type { Context, Operation } from '../operation.ts';
import { repairableStoreAt } from './store.ts';
import { protectStream } from './stream.ts';

export interface ProtectOptions {
  readonly archive: string;
  /** Recovery blocks for 100 slices of a stream. */
  readonly percent: number;
}

/** Adds parity to the streams of an archive that have none, or damaged parity. */
export const runProtect: Operation<ProtectOptions, ProtectResult> = async (options, context) => {
  const started = performance.now();
  const store = repairableStoreAt(options.archive, context.signal);
  await readCatalog(store);
  const lock = await store.lock();
  try {
    const catalog = await readCatalog(store);
    warnOfHeaders([catalog], context.emit);
    warnOfUnfinished([catalog], context.emit);
    const refused = catalog.damaged.map(({ failure }) => failure);
    for (const { directory, failure } of catalog.damaged) {
      context.emit({ type: 'stream-refused', stream: namedByPlace(directory), failure });
    }
    const all = await protectAll(store, () => true, options.percent, context);
    const failures = [...refused, ...all.failures];
    return {
      type: 'result',
      command: 'protect',
      exit: failures.some(({ exitCode }) => exitCode === exit.damaged)
        ? exit.damaged
        : failures.length > 0
          ? exit.partial
          : exit.done,
      done: all.done,
      skipped: all.skipped,
      refused: failures.length,
      stored: all.stored,
      seconds: (performance.now() - started) / 1000,
    };
  } finally {
    await lock.release();
  }
};

interface Protected {
  readonly done: number;
  readonly skipped: number;
  /** Bytes of parity. */
  readonly stored: number;
  readonly failures: readonly Failure[];
}

/**
 * Adds parity to those streams of an archive that lack it. One that is damaged does not stop the
 * others. The caller holds the lock.
 *
 * @param isWanted of a stream by its UUID
 */
export async function protectAll(
  store: WritableStore,
  isWanted: (uuid: string) => boolean,
  percent: number,
  context: Context,
): Promise<Protected> {
  const streams = (await readCatalog(store)).streams.filter(({ uuid }) => isWanted(uuid));
  const failures: Failure[] = [];
  let [done, skipped, stored] = [0, 0, 0];
  for (const [at, stream] of streams.entries()) {
    context.signal.throwIfAborted();
    const place = { index: at + 1, count: streams.length };
    context.emit({ type: 'stream-begun', action: 'protect', stream: stream.called, ...place });
    try {
      const bytes = await protectStream(store, stream, percent, context);
      if (bytes === 0) skipped++;
      else done++;
      stored += bytes;
    } catch (error) {
      const failure = failureIn(stream, failureOfFile(error));
      if (failure.exitCode !== exit.damaged) throw failure;
      failures.push(failure);
      context.emit({ type: 'stream-refused', stream: stream.called, failure });
    }
  }
  return { done, skipped, stored, failures };
}
