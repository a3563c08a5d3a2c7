import { receiptFile } from '../../archive/layout.ts';
import type { Catalog } from '../../archive/read/catalog.ts';
import { newestReceipts, readReceipts } from '../../archive/read/receipts.ts';
import { receiptDocument } from '../../manifest/document.ts';
import type { Receipt } from '../../manifest/schema.ts';
import { type WritableStore, writeWhole } from '../../store/store.ts';

/** The newest receipt of each destination, as files of an archive. */
export async function receiptFiles(catalogs: readonly Catalog[]): Promise<[string, Uint8Array][]> {
  const receipts: Receipt[] = [];
  for (const { store } of catalogs) receipts.push(...(await readReceipts(store)).receipts);
  return newestReceipts(receipts).map((receipt) => [
    receiptFile(receipt.filesystem),
    receiptDocument.encode(receipt),
  ]);
}

/** Writes the receipts that a directory lacks, or has in an older version. */
export async function copyReceipts(catalogs: readonly Catalog[], to: WritableStore): Promise<void> {
  const there = new Map(
    (await readReceipts(to)).receipts.map((receipt) => [receiptFile(receipt.filesystem), receipt]),
  );
  for (const [file, bytes] of await receiptFiles(catalogs)) {
    const older = there.get(file);
    const copied = receiptDocument.decode(bytes, file);
    if (older === undefined || older.createdAt < copied.createdAt)
      await writeWhole(to, file, bytes);
  }
}
