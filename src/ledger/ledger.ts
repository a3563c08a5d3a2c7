import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { receiptFile } from '../archive/layout.ts';
import { newestReceipts, readReceipts } from '../archive/read/receipts.ts';
import { Failure } from '../failure/failure.ts';
import { receiptDocument } from '../manifest/document.ts';
import type { Receipt } from '../manifest/schema.ts';
import { writableStoreAt } from '../store/location.ts';
import { writeWhole } from '../store/store.ts';

/** The newest receipt of each destination that this machine saw on any medium. */
export interface Ledger {
  receipts(): Promise<readonly Receipt[]>;
  /** Keeps each receipt that is newer than the one it has of that destination. */
  remember(receipts: readonly Receipt[]): Promise<void>;
}

/** Remembers nothing. */
export const noLedger: Ledger = { receipts: async () => [], remember: async () => {} };

/**
 * The ledger in the state directory of the user: `$XDG_STATE_HOME/btrferry`, by default
 * `~/.local/state/btrferry` (XDG Base Directory Specification). No command needs it to do its work,
 * so a directory that cannot be read counts as empty, and one that cannot be written stays as it is.
 */
export function ledgerOf(signal: AbortSignal): Ledger {
  const store = () => writableStoreAt(stateDirectory(), { signal });
  const receipts = async () => {
    const found = await unlessFailed(() => readReceipts(store()));
    return found?.receipts ?? [];
  };
  return {
    receipts,
    async remember(seen) {
      if (seen.length === 0) return;
      const known = await receipts();
      for (const receipt of newestReceipts([...known, ...seen])) {
        if (known.includes(receipt)) continue;
        const bytes = receiptDocument.encode(receipt);
        await unlessFailed(() => writeWhole(store(), receiptFile(receipt.filesystem), bytes));
      }
    },
  };
}

function stateDirectory(): string {
  const { XDG_STATE_HOME: named = '' } = process.env;
  // The specification has relative paths ignored.
  return join(isAbsolute(named) ? named : join(homedir(), '.local/state'), 'btrferry');
}

async function unlessFailed<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Failure && error.code !== 'interrupted') return undefined;
    throw error;
  }
}
