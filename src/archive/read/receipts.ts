import { Failure, failureOfFile } from '../../failure/failure.ts';
import { receiptDocument } from '../../manifest/document.ts';
import type { Receipt } from '../../manifest/schema.ts';
import type { StateRecord } from '../../names/state.ts';
import type { Store } from '../../store/store.ts';
import { RECEIPTS, receiptOf } from '../layout.ts';
import { readDocument } from './document.ts';

/** The receipts that destinations left, and why others cannot be used. */
export interface FoundReceipts {
  readonly receipts: readonly Receipt[];
  readonly damaged: readonly Failure[];
}

/** Reads the receipts of an archive. */
export async function readReceipts(store: Store): Promise<FoundReceipts> {
  const receipts: Receipt[] = [];
  const damaged: Failure[] = [];
  const note = (error: unknown) => void damaged.push(failureOfFile(error));
  const entries = await store.list(RECEIPTS).catch((error) => {
    note(error);
    return [];
  });
  for (const { name } of entries) {
    const filesystem = receiptOf(name);
    if (filesystem === undefined) continue;
    const file = `${RECEIPTS}/${name}`;
    try {
      const receipt = await readDocument(store, file, receiptDocument);
      if (receipt.filesystem !== filesystem) throw otherReceipt(store, file, receipt.filesystem);
      receipts.push(receipt);
    } catch (error) {
      note(error);
    }
  }
  return { receipts, damaged };
}

/** The states that destinations have, as each counts them. */
export function receiptRecords(receipts: readonly Receipt[]): StateRecord[] {
  return receipts.flatMap((receipt) => records(receipt, receipt.subvolumes));
}

/** The states that destinations had once and removed, as each counted them. */
export function formerRecords(receipts: readonly Receipt[]): StateRecord[] {
  return receipts.flatMap((receipt) => records(receipt, receipt.former ?? []));
}

type Received = Pick<Receipt['subvolumes'][number], 'uuid' | 'ctransid' | 'sendTransid'>;

function records({ filesystem }: Receipt, received: readonly Received[]): StateRecord[] {
  return received.map(({ uuid, ctransid, sendTransid }) => ({
    filesystem,
    uuid,
    ctransid,
    sendTransid,
  }));
}

/** The newest receipt of each destination. */
export function newestReceipts(receipts: readonly Receipt[]): Receipt[] {
  const newest = new Map<string, Receipt>();
  for (const receipt of receipts) {
    const other = newest.get(receipt.filesystem);
    if (other === undefined || other.createdAt < receipt.createdAt) {
      newest.set(receipt.filesystem, receipt);
    }
  }
  return [...newest.values()];
}

function otherReceipt({ location }: Store, file: string, filesystem: string): Failure {
  return new Failure('manifest-damaged', `receipt ${file} is of filesystem ${filesystem}`, {
    hint: 'delete this file: the next import writes a new one',
    where: { archive: location, file, found: filesystem },
  });
}
