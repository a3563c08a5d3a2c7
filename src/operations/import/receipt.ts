import { type Catalog, readReceipts } from '../../archive/catalog.ts';
import { receiptFile } from '../../archive/layout.ts';
import type { Filesystem } from '../../btrfs/filesystem.ts';
import { listSubvolumes, reachablePath, sendTransid } from '../../btrfs/subvolume.ts';
import { Failure } from '../../failure/failure.ts';
import { receiptDocument } from '../../manifest/document.ts';
import { FORMAT_VERSION } from '../../manifest/format.ts';
import type { Receipt } from '../../manifest/schema.ts';
import { textFromBytes } from '../../manifest/text.ts';
import type { Emit } from '../event.ts';
import { program } from '../program.ts';

/**
 * Writes onto each archive what the destination has now, so that the medium carries it back. A
 * medium that can't be written to is no failure of the import.
 */
export async function writeReceipts(
  catalogs: readonly Catalog[],
  into: string,
  filesystem: Filesystem,
  emit: Emit,
): Promise<void> {
  for (const { store } of catalogs) {
    try {
      const { receipts } = await readReceipts(store);
      const earlier = receipts.find((receipt) => receipt.filesystem === filesystem.uuid);
      const bytes = receiptDocument.encode({
        format: 'btrferry/receipt',
        version: FORMAT_VERSION,
        filesystem: filesystem.uuid,
        subvolumes: await receivedSubvolumes(into, filesystem, earlier),
        tool: program,
        createdAt: new Date().toISOString(),
      });
      await store.put(receiptFile(filesystem.uuid), bytes);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      emit({
        type: 'warning',
        code: 'receipt-not-written',
        message: `no receipt was written: ${error.message}`,
        hint: 'nothing is lost; the archive just does not learn what this destination has',
      });
    }
  }
}

async function receivedSubvolumes(
  into: string,
  filesystem: Filesystem,
  earlier: Receipt | undefined,
): Promise<Receipt['subvolumes']> {
  const known = new Map(earlier?.subvolumes.map((s) => [`${s.localUuid} ${s.uuid}`, s.ctransid]));
  const found: Receipt['subvolumes'] = [];
  for (const subvolume of await listSubvolumes(into)) {
    const { uuid, receivedUuid, readOnly, path } = subvolume;
    const reachable = reachablePath({ path }, filesystem.mount);
    if (receivedUuid === null || !readOnly || reachable === null) continue;
    const ctransid =
      known.get(`${uuid} ${receivedUuid}`) ?? (await sendTransid(subvolume, into))?.toString();
    if (ctransid === undefined) continue;
    found.push({ uuid: receivedUuid, ctransid, localUuid: uuid, path: textFromBytes(path) });
  }
  return found;
}
