import { receiptFile } from '../../archive/layout.ts';
import type { Catalog } from '../../archive/read/catalog.ts';
import { readReceipts } from '../../archive/read/receipts.ts';
import type { Filesystem } from '../../btrfs/filesystem.ts';
import { infoAt, listSubvolumes, reachablePath } from '../../btrfs/subvolume.ts';
import type { Emit } from '../../events/event.ts';
import { Failure } from '../../failure/failure.ts';
import { receiptDocument } from '../../manifest/document.ts';
import { FORMAT_VERSION } from '../../manifest/format.ts';
import { program } from '../../manifest/program.ts';
import type { Receipt } from '../../manifest/schema.ts';
import { byteString } from '../../names/byte-string.ts';
import { stateOf } from '../../names/identity.ts';
import { standingOf } from '../../names/standing.ts';
import { isWritable, writeWhole } from '../../store/store.ts';
import type { DestinationSubvolume } from './destination.ts';

/**
 * Writes onto each archive what the destination has now, so that the medium carries it back. A
 * medium that can't be written to is no failure of the import.
 */
export async function writeReceipts(
  catalogs: readonly Catalog[],
  into: string,
  filesystem: Filesystem,
  /** What the destination was seen to have. */
  seen: readonly DestinationSubvolume[],
  emit: Emit,
): Promise<void> {
  const genuine = seen.filter(({ standing }) => standing === 'genuine');
  const looked = genuine.map(({ uuid, state }) => ({ localUuid: uuid, ctransid: state.ctransid }));
  for (const { store } of catalogs) {
    if (!isWritable(store)) continue;
    try {
      const { receipts } = await readReceipts(store);
      const earlier = receipts.find((receipt) => receipt.filesystem === filesystem.uuid);
      const lookedAt = new Set([...looked, ...(earlier?.subvolumes ?? [])].map(stateKey));
      const bytes = receiptDocument.encode({
        format: 'btrferry/receipt',
        version: FORMAT_VERSION,
        filesystem: filesystem.uuid,
        subvolumes: await receivedSubvolumes(into, filesystem, lookedAt),
        tool: program,
        createdAt: new Date().toISOString(),
      });
      await writeWhole(store, receiptFile(filesystem.uuid), bytes);
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

/**
 * Every subvolume that is what its received UUID says. Where only its files would tell, it is
 * one of those that were looked at: by this import, or by the one that wrote the earlier receipt.
 */
async function receivedSubvolumes(
  into: string,
  filesystem: Filesystem,
  lookedAt: ReadonlySet<string>,
): Promise<Receipt['subvolumes']> {
  const found: Receipt['subvolumes'] = [];
  for (const listed of await listSubvolumes(into)) {
    const place = reachablePath(listed, filesystem.mount);
    if (listed.receivedUuid === null || place === null) continue;
    // It may be gone by now, or something else be mounted there.
    const info = await infoAt(place).catch(() => undefined);
    if (info?.uuid !== listed.uuid) continue;
    const { uuid, ctransid, sendTransid } = stateOf(filesystem.uuid, info);
    const standing = standingOf(info);
    const genuine =
      standing === 'genuine' ||
      (standing === 'undecided' && lookedAt.has(stateKey({ localUuid: info.uuid, ctransid })));
    if (sendTransid === null || !genuine) continue;
    const path = byteString(listed.path);
    found.push({ uuid, ctransid, sendTransid, localUuid: info.uuid, path });
  }
  return found;
}

/** A state of a subvolume as its own filesystem knows it. */
function stateKey({ localUuid, ctransid }: { localUuid: string; ctransid: string }): string {
  return `${localUuid} ${ctransid}`;
}
