import type { Receipt } from '../../manifest/schema.ts';
import type { StateRecord } from '../../names/state.ts';
import { type GraphStream, streamRecords } from '../graph/graph.ts';
import { formerRecords, receiptRecords } from './receipts.ts';

/** The documents of archives that name states. */
export interface Recorded {
  readonly streams: readonly GraphStream[];
  readonly receipts: readonly Receipt[];
  readonly fingerprints: readonly StateRecord[];
}

/**
 * All records of archives. Records link states only together: if one kind is left out, a state that
 * a plan takes for the required one is another one when it is received.
 */
export function allRecords({ streams, receipts, fingerprints }: Recorded): StateRecord[] {
  return [
    ...streamRecords(streams),
    ...receiptRecords(receipts),
    ...formerRecords(receipts),
    ...fingerprints,
  ];
}
