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

/**
 * Finds the receipt of the destination that a word names.
 *
 * @throws {Failure} `not-found` if it names none, `usage` if it names several
 */
export function receiptCalled(
  receipts: readonly Receipt[],
  word: string,
  { location }: Store,
): Receipt {
  const [first, ...others] = receipts.filter((receipt) => isOf(receipt, word));
  if (first !== undefined && others.length === 0) return first;
  const known = receipts.map(({ filesystem }) => filesystem).join(', ');
  const where = { archive: location };
  if (first !== undefined) {
    const hint = `name one filesystem by its UUID; there are receipts of ${known}`;
    throw new Failure('usage', `${word} fits several receipts`, { hint, where });
  }
  const hint =
    known === ''
      ? 'an import writes one into the archive; until then, leave out --received-by'
      : `there are receipts of filesystem ${known}`;
  throw new Failure('not-found', `no receipt in ${location} is of ${word}`, { hint, where });
}

/** By the UUID of the filesystem, or four digits or more of its beginning. */
function isOf({ filesystem }: Receipt, word: string): boolean {
  return word.length >= 4 && filesystem.startsWith(word.toLowerCase());
}

/** The states that receipts list, as each destination counts them. */
export function receiptRecords(receipts: readonly Receipt[]): StateRecord[] {
  return receipts.flatMap(({ filesystem, subvolumes }) =>
    subvolumes.map(({ uuid, ctransid, sendTransid }) => ({
      filesystem,
      uuid,
      ctransid,
      sendTransid,
    })),
  );
}

function otherReceipt({ location }: Store, file: string, filesystem: string): Failure {
  return new Failure('manifest-damaged', `receipt ${file} is of filesystem ${filesystem}`, {
    hint: 'delete this file: the next import writes a new one',
    where: { archive: location, file, found: filesystem },
  });
}
