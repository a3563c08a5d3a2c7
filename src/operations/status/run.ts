import { linkedStates } from '../../archive/graph/graph.ts';
import { formerRecords, newestReceipts, receiptRecords } from '../../archive/read/receipts.ts';
import type { StatusResult } from '../../events/status.ts';
import { exit } from '../../failure/failure.ts';
import { destinationListed } from '../archives/destinations.ts';
import { finishReading, openArchives } from '../archives/open.ts';
import { warnOfReceipts } from '../archives/warnings.ts';
import type { Operation } from '../operation.ts';

export interface StatusOptions {
  /** May be none: then the receipts that this machine remembers are all there is. */
  readonly archives: readonly string[];
}

/** Shows each destination that is known: what it has, what it lacks, and when it was last seen. */
export const runStatus: Operation<StatusOptions, StatusResult> = async (options, context) => {
  const archives = await openArchives(options.archives, context);
  warnOfReceipts(archives.damagedReceipts, context.emit);
  const receipts = newestReceipts([...archives.receipts, ...(await context.ledger.receipts())]);
  const { streams } = archives;
  const records = [...receiptRecords(receipts), ...formerRecords(receipts)];
  const states = linkedStates(streams, records);
  const listed = receipts
    .toSorted((a, b) => (a.createdAt < b.createdAt ? 1 : -1))
    .map((receipt) => destinationListed(receipt, streams, states));
  for (const destination of listed) context.emit(destination);
  await finishReading(archives);
  return {
    type: 'result',
    command: 'status',
    exit: exit.done,
    done: listed.length,
    current: listed.filter(({ lacks }) => lacks.length === 0).length,
  };
};
