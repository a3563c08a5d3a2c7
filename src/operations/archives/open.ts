import { type Catalog, readCatalog, together } from '../../archive/read/catalog.ts';
import {
  type FoundFingerprints,
  readFingerprints,
  type StoredFingerprint,
} from '../../archive/read/fingerprints.ts';
import { gathered } from '../../archive/read/gathering.ts';
import { readReceipts } from '../../archive/read/receipts.ts';
import type { StoredStream } from '../../archive/read/stored-stream.ts';
import { Failure } from '../../failure/failure.ts';
import type { Receipt } from '../../manifest/schema.ts';
import { kindOf, storeAt } from '../../store/location.ts';
import { isSequential } from '../../store/store.ts';
import type { Context } from '../operation.ts';

/** Archives that a command reads together. They complete each other. */
export interface Archives {
  /** In the order of the command line. */
  readonly catalogs: readonly Catalog[];
  /** The streams of all archives. */
  readonly streams: readonly StoredStream[];
  /** The receipts of all archives. */
  readonly receipts: readonly Receipt[];
  /** The fingerprints of all archives. */
  readonly fingerprints: readonly StoredFingerprint[];
  /** Fingerprints that cannot be used. */
  readonly damagedFingerprints: FoundFingerprints['damaged'];
  /** Why other receipts cannot be used. */
  readonly damagedReceipts: readonly Failure[];
}

/**
 * Reads the documents of archives, and remembers their receipts.
 *
 * @throws {Failure} `usage`, `archive-unfit`, `not-an-archive`, `format-feature`, `interrupted`
 */
export async function openArchives(
  locations: readonly string[],
  context: Pick<Context, 'input' | 'signal' | 'ledger'>,
): Promise<Archives> {
  if (locations.filter((location) => kindOf(location) === 'pipe').length > 1) {
    throw new Failure('usage', 'there is only one stdin', { hint: 'give - only once' });
  }
  const read: Catalog[] = [];
  const receipts: Receipt[] = [];
  const damagedReceipts: Failure[] = [];
  const fingerprints: StoredFingerprint[] = [];
  const damagedFingerprints: FoundFingerprints['damaged'][number][] = [];
  for (const location of locations) {
    context.signal.throwIfAborted();
    const catalog = await readCatalog(storeAt(location, context));
    read.push(catalog);
    const found = await readReceipts(catalog.store);
    receipts.push(...found.receipts);
    damagedReceipts.push(...found.damaged);
    const trees = await readFingerprints(catalog.store);
    fingerprints.push(...trees.fingerprints);
    damagedFingerprints.push(...trees.damaged);
  }
  await context.ledger.remember(receipts);
  const catalogs = together(await gathered(read));
  const streams = catalogs.flatMap((catalog) => catalog.streams);
  return {
    catalogs,
    streams,
    receipts,
    damagedReceipts,
    fingerprints,
    damagedFingerprints,
  };
}

/**
 * Reads what comes through a pipe to its end, which shows whether something is missing.
 *
 * @throws {Failure} `archive-damaged`
 */
export async function finishReading({ catalogs }: Archives): Promise<void> {
  for (const { store } of catalogs) if (isSequential(store)) await store.finish();
}
