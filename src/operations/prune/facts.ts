import { basename } from 'node:path/posix';
import { isRemoved, parentDigits, STREAMS } from '../../archive/layout.ts';
import { type Catalog, readCatalog } from '../../archive/read/catalog.ts';
import { readFingerprints } from '../../archive/read/fingerprints.ts';
import { checkStored } from '../../archive/read/integrity.ts';
import { newestReceipts, readReceipts, receiptRecords } from '../../archive/read/receipts.ts';
import { placeIn } from '../../archive/read/source.ts';
import type { StoredStream } from '../../archive/read/stored-stream.ts';
import { type Candidate, candidatesOf } from '../../archive/retention/candidate.ts';
import type { RetentionFacts } from '../../archive/retention/retention.ts';
import type { Emit } from '../../events/event.ts';
import type { Receipt } from '../../manifest/schema.ts';
import { concurrently } from '../../store/concurrently.ts';
import type { Store } from '../../store/store.ts';
import { receiptOfDestination } from '../archives/destinations.ts';
import { warnOfHeaders, warnOfReceipts, warnOfUnfinished } from '../archives/warnings.ts';
import type { Context } from '../operation.ts';
import type { PruneOptions } from './options.ts';

/** A stream of the archive, as retention sees it. */
export interface Prunable extends Candidate {
  readonly stored: StoredStream;
}

export interface PruneFacts extends RetentionFacts<Prunable> {
  readonly receivedBy: readonly Receipt[];
  /** Directories that an interrupted prune left. */
  readonly leftovers: readonly string[];
}

/**
 * Reads what an archive holds, as far as it decides what is removed. Warns of all that is left alone
 * because it cannot be read.
 *
 * @throws {Failure} `not-an-archive`, `format-feature`; `destination-unknown` if a word names no
 *   receipt or several
 */
export async function pruneFacts(
  store: Store,
  { policy, receivedBy: words }: PruneOptions,
  { emit, ledger }: Pick<Context, 'emit' | 'ledger'>,
): Promise<PruneFacts> {
  const catalog = await readCatalog(store);
  const { receipts, damaged: damagedReceipts } = await readReceipts(store);
  const { fingerprints } = await readFingerprints(store);
  await ledger.remember(receipts);
  const newest = newestReceipts([...receipts, ...(await ledger.receipts())]);
  const receivedBy = words.map((word) => receiptOfDestination(word, newest));
  warnOfHeaders([catalog], emit);
  warnOfReceipts(damagedReceipts, emit);
  warnOfUnfinished([catalog], emit);
  warnOfDamaged(catalog, emit);
  const spoiled = await spoiledStreams(catalog.streams);
  const entries = await store.list(STREAMS);
  const unread = [...catalog.damaged.map(({ directory }) => directory), ...catalog.unfinished];
  return {
    streams: candidatesOf(catalog.streams, spoiled),
    awaited: unread.flatMap((directory) => parentDigits(basename(directory)) ?? []),
    surroundings: {
      destinations: receivedBy.map((receipt) => receiptRecords([receipt])),
      bases: fingerprints,
      links: receiptRecords([...receipts, ...receivedBy]),
    },
    policy,
    now: Date.now(),
    receivedBy,
    leftovers: entries.flatMap(({ name, kind }) =>
      kind === 'directory' && isRemoved(name) ? [name] : [],
    ),
  };
}

/** Finds the streams with a part that is missing or has another length, without reading them. */
async function spoiledStreams(streams: readonly StoredStream[]): Promise<Set<StoredStream>> {
  const spoiled = new Set<StoredStream>();
  await concurrently(streams, async (stream) => {
    const { source, manifest } = stream;
    const parts = new Set(manifest.parts.map(({ file }) => placeIn(source, file).file));
    const failures = await checkStored(stream);
    if (failures.some(({ where }) => parts.has(where.file ?? ''))) spoiled.add(stream);
  });
  return spoiled;
}

function warnOfDamaged({ damaged }: Catalog, emit: Emit): void {
  for (const { directory, failure } of damaged) {
    emit({
      type: 'warning',
      code: 'manifest-unusable',
      message: `${directory} is left alone: ${failure.message}`,
      hint: 'a parent that its name tells of stays, too',
    });
  }
}
