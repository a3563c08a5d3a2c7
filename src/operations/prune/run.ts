import { basename } from 'node:path/posix';
import { removalPlace, STREAMS } from '../../archive/layout.ts';
import { assertArchive } from '../../archive/read/catalog.ts';
import { isEmpty } from '../../archive/retention/policy.ts';
import { type Retention, retain } from '../../archive/retention/retention.ts';
import type { PrunePlanned, PruneResult } from '../../events/prune.ts';
import { exit, Failure } from '../../failure/failure.ts';
import { kindOf, writableStoreAt } from '../../store/location.ts';
import type { Lock, WritableStore } from '../../store/store.ts';
import type { Context, Operation } from '../operation.ts';
import { type Prunable, type PruneFacts, pruneFacts } from './facts.ts';
import type { PruneOptions } from './options.ts';

/** Removes the streams of an archive that a policy no longer keeps. */
export const runPrune: Operation<PruneOptions, PruneResult> = async (options, context) => {
  const started = performance.now();
  assertDecided(options, context);
  const store = writableStoreAt(options.archive, { signal: context.signal });
  await assertArchive(store);
  if (options.dryRun) {
    const { plan } = await planFor(store, options, context);
    return resultOf(plan, options, started);
  }
  const lock = await store.lock();
  try {
    const { plan, facts } = await planFor(store, options, context);
    if (plan.removed.length > 0 && !options.yes) await confirm(plan, options, context);
    await removeAll(store, lock, plan, facts, context);
    return resultOf(plan, options, started);
  } finally {
    await lock.release();
  }
};

/** @throws {Failure} `usage` */
function assertDecided({ archive, policy, yes, dryRun }: PruneOptions, { ask }: Context): void {
  if (isEmpty(policy)) {
    throw new Failure('usage', 'no policy says what to keep', {
      hint: 'give one, such as --keep-last 10 or --keep-daily 7; --dry-run shows what it keeps',
    });
  }
  const kind = kindOf(archive);
  if (kind === 'tar' || kind === 'pipe') {
    const what = kind === 'pipe' ? 'a pipe' : `${archive} is a tar file, which`;
    throw new Failure('usage', `${what} cannot lose one stream and keep the others`, {
      hint: `copy the streams to keep into another one: btrferry copy ${archive} --only STREAM NEW`,
      where: { archive },
    });
  }
  if (yes || dryRun || ask !== undefined) return;
  throw new Failure('usage', 'prune asks before it removes, and there is no terminal to ask on', {
    hint: '--yes removes without asking; --dry-run shows what would be removed',
  });
}

async function planFor(
  store: WritableStore,
  options: PruneOptions,
  context: Context,
): Promise<{ plan: Retention<Prunable>; facts: PruneFacts }> {
  const facts = await pruneFacts(store, options, context);
  const plan = retain(facts);
  context.emit(planned(plan, facts, options));
  return { plan, facts };
}

function planned(
  { kept }: Retention<Prunable>,
  { streams, receivedBy, leftovers }: PruneFacts,
  { archive, dryRun }: PruneOptions,
): PrunePlanned {
  const whyKept = new Map(kept.map((each) => [each.stream, each]));
  return {
    type: 'prune-planned',
    archive,
    dryRun,
    receivedBy: receivedBy.map(({ filesystem, createdAt }) => ({ filesystem, createdAt })),
    streams: streams.map((stream) => {
      const { stored, storedBytes } = stream;
      const why = whyKept.get(stream);
      return {
        stream: stored.called,
        directory: stored.source.directory,
        snapshotCreatedAt: stored.manifest.source.createdAt,
        kind: stored.manifest.kind,
        stored: storedBytes,
        removed: why === undefined,
        reasons: why?.reasons ?? [],
        neededBy: why?.neededBy.map((other) => other.stored.called) ?? [],
      };
    }),
    leftovers: leftovers.map((name) => `${STREAMS}/${name}`),
  };
}

/** @throws {Failure} `interrupted` unless a person says yes */
async function confirm(
  { removed }: Retention<Prunable>,
  { archive }: PruneOptions,
  { ask }: Context,
): Promise<void> {
  const what = removed.length === 1 ? '1 stream' : `${removed.length} streams`;
  const question = `remove ${what} from ${archive}? [y/N] `;
  const answer = (await ask?.(question)) ?? '';
  if (/^y(es)?$/i.test(answer.trim())) return;
  throw new Failure('interrupted', 'nothing was removed', {
    hint: 'answer y to remove the streams of the plan',
  });
}

/** Removes what an interrupted prune left, then each stream before those that it requires. */
async function removeAll(
  store: WritableStore,
  { lost }: Lock,
  { removed }: Retention<Prunable>,
  { leftovers }: PruneFacts,
  { emit, signal }: Context,
): Promise<void> {
  for (const name of leftovers) await store.remove(`${STREAMS}/${name}`);
  for (const { stored, storedBytes } of removed) {
    signal.throwIfAborted();
    lost.throwIfAborted();
    const { directory } = stored.source;
    await store.unpublish(removalPlace(basename(directory)));
    emit({ type: 'stream-removed', stream: stored.called, directory, stored: storedBytes });
  }
}

function resultOf(
  { removed, kept }: Retention<Prunable>,
  { dryRun }: PruneOptions,
  started: number,
): PruneResult {
  return {
    type: 'result',
    command: 'prune',
    exit: exit.done,
    done: dryRun ? 0 : removed.length,
    kept: kept.length,
    stored: storedOf(removed),
    seconds: (performance.now() - started) / 1000,
    dryRun,
  };
}

function storedOf(streams: readonly Prunable[]): number {
  return streams.reduce((sum, { storedBytes }) => sum + storedBytes, 0);
}
