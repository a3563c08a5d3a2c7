import { isArchive } from '../../archive/read/header.ts';
import { type Unfinished, unfinishedIn } from '../../archive/read/unfinished.ts';
import type { Emit } from '../../events/event.ts';
import type { ExportResult } from '../../events/export.ts';
import { exit, Failure } from '../../failure/failure.ts';
import { shellWord } from '../../names/shell.ts';
import { mebibytes } from '../../names/size.ts';
import { requireRoot } from '../../process/privilege.ts';
import { writableStoreAt } from '../../store/location.ts';
import type { WritableStore } from '../../store/store.ts';
import type { Operation } from '../operation.ts';

/** A draft of another stream, and the archive that it lies in. */
export type OtherDraft = Unfinished & { readonly archive: string };

export interface DiscardOptions {
  readonly to: readonly string[];
  readonly dryRun: boolean;
}

/**
 * Removes the drafts in an archive that is locked, so that no other process writes them.
 *
 * @param keep directories of streams whose drafts stay
 * @returns how many were removed, or would be
 */
export async function discardDrafts(
  store: WritableStore,
  keep: ReadonlySet<string>,
  dryRun: boolean,
  emit: Emit,
): Promise<number> {
  let count = 0;
  for (const { directory, file, stored } of await unfinishedIn(store)) {
    if (keep.has(directory)) continue;
    if (!dryRun) await store.remove(file);
    emit({ type: 'draft-discarded', archive: store.location, directory, stored, dryRun });
    count++;
  }
  return count;
}

/** Removes all drafts in archives, and exports nothing. */
export const runDiscard: Operation<DiscardOptions, ExportResult> = async (options, context) => {
  const started = performance.now();
  const { to, dryRun } = options;
  const { emit, signal } = context;
  requireRoot('export');
  for (const location of to) {
    const store = writableStoreAt(location, { signal });
    if (!(await isArchive(store))) throw noArchive(location);
    const lock = dryRun ? undefined : await store.lock();
    try {
      await discardDrafts(store, new Set(), dryRun, emit);
    } finally {
      await lock?.release();
    }
  }
  const seconds = (performance.now() - started) / 1000;
  const none = { done: 0, skipped: 0, bytes: 0, stored: 0 };
  return { type: 'result', command: 'export', exit: exit.done, ...none, seconds, dryRun };
};

function noArchive(location: string): Failure {
  return new Failure('not-an-archive', `there is no archive at ${location}`, {
    hint: 'check that the drive is mounted',
    where: { archive: location },
  });
}

/** Names the largest draft of other streams, and the command that removes it. */
export function discardHint(drafts: readonly OtherDraft[]): string | undefined {
  const [largest, ...others] = drafts.toSorted((a, b) => b.stored - a.stored);
  if (largest === undefined) return undefined;
  const { archive, directory, stored } = largest;
  const more = others.length === 0 ? '' : `, and ${others.length} more`;
  return `the unfinished stream ${directory} takes ${mebibytes(stored)}${more}; to remove it: btrferry export --discard --to ${shellWord(archive)}`;
}
