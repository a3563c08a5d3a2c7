import {
  formerRecords,
  newestReceipts,
  readReceipts,
  receiptRecords,
} from '../../archive/read/receipts.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { Receipt } from '../../manifest/schema.ts';
import type { Store } from '../../store/store.ts';
import { receiptOfDestination } from '../archives/destinations.ts';
import type { ExportOptions } from './options.ts';
import type { DestinationStates } from './snapshot.ts';

/** The receipts that an export goes by. */
export interface KnownReceipts {
  /** The newest receipt of the destination that was asked for. */
  readonly asked: Receipt | null;
  /** The newest receipt of each destination. */
  readonly newest: readonly Receipt[];
}

/**
 * Collects the receipts of archives and those that this machine remembers. Remembers what is new.
 *
 * @throws {Failure} `destination-unknown`
 */
export async function knownReceipts(
  { destination }: ExportOptions,
  stores: readonly Store[],
  ledger: Ledger,
): Promise<KnownReceipts> {
  const found: Receipt[] = [];
  for (const store of stores) found.push(...(await readReceipts(store)).receipts);
  await ledger.remember(found);
  const newest = newestReceipts([...found, ...(await ledger.receipts())]);
  return {
    asked: destination === undefined ? null : receiptOfDestination(destination, newest),
    newest,
  };
}

/**
 * The destinations that an archive is carried to: the one that was asked for, or each that left a
 * receipt in it, by the newest receipt that is known.
 */
export function destinationsOf(
  left: readonly Receipt[],
  { asked, newest }: KnownReceipts,
): DestinationStates[] {
  if (asked !== null) return [statesAt(asked)];
  const here = new Set(left.map(({ filesystem }) => filesystem));
  return newest.filter(({ filesystem }) => here.has(filesystem)).map(statesAt);
}

export function statesAt(receipt: Receipt): DestinationStates {
  return { has: receiptRecords([receipt]), had: formerRecords([receipt]) };
}
