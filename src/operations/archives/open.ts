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

type Surroundings = Pick<Context, 'input' | 'signal' | 'ledger'>;

/** One archive, as its documents describe it. */
interface ReadArchive {
  readonly catalog: Catalog;
  readonly receipts: Awaited<ReturnType<typeof readReceipts>>;
  readonly fingerprints: FoundFingerprints;
}

/** Archives that a command reads together. They complete each other. */
export interface Archives {
  /** Each as it is without the others. */
  readonly alone: readonly ReadArchive[];
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
  context: Surroundings,
): Promise<Archives> {
  if (locations.filter((location) => kindOf(location) === 'pipe').length > 1) {
    throw new Failure('usage', 'there is only one stdin', { hint: 'give - only once' });
  }
  const alone: ReadArchive[] = [];
  for (const location of locations) {
    context.signal.throwIfAborted();
    alone.push(await readArchive(location, context));
  }
  return completed(alone, context);
}

/** Reads the documents of one more archive. */
export async function withArchive(
  { alone }: Archives,
  location: string,
  context: Surroundings,
): Promise<Archives> {
  return completed([...alone, await readArchive(location, context)], context);
}

async function readArchive(location: string, context: Surroundings): Promise<ReadArchive> {
  const catalog = await readCatalog(storeAt(location, context));
  const receipts = await readReceipts(catalog.store);
  return { catalog, receipts, fingerprints: await readFingerprints(catalog.store) };
}

async function completed(
  alone: readonly ReadArchive[],
  { ledger }: Surroundings,
): Promise<Archives> {
  const catalogs = together(await gathered(alone.map(({ catalog }) => catalog)));
  const receipts = alone.flatMap((each) => each.receipts.receipts);
  await ledger.remember(receipts);
  return {
    alone,
    catalogs,
    streams: catalogs.flatMap(({ streams }) => streams),
    receipts,
    damagedReceipts: alone.flatMap((each) => each.receipts.damaged),
    fingerprints: alone.flatMap(({ fingerprints }) => fingerprints.fingerprints),
    damagedFingerprints: alone.flatMap(({ fingerprints }) => fingerprints.damaged),
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
