import { receiptFile } from '../../archive/layout.ts';
import type { Catalog } from '../../archive/read/catalog.ts';
import { readReceipts } from '../../archive/read/receipts.ts';
import type { Filesystem } from '../../btrfs/filesystem.ts';
import { infoAt, listSubvolumes, reachablePath, type Subvolume } from '../../btrfs/subvolume.ts';
import type { SubvolumeInfo } from '../../btrfs/subvolume-info.ts';
import type { Emit } from '../../events/event.ts';
import { Failure } from '../../failure/failure.ts';
import { receiptDocument } from '../../manifest/document.ts';
import { FORMAT_VERSION } from '../../manifest/format.ts';
import { program } from '../../manifest/program.ts';
import type { Receipt } from '../../manifest/schema.ts';
import { byteString } from '../../names/byte-string.ts';
import { stateOf } from '../../names/identity.ts';
import { standingOf } from '../../names/standing.ts';
import { isWritable, type WritableStore, writeWhole } from '../../store/store.ts';
import type { DestinationSubvolume } from './destination.ts';

/**
 * Writes to each archive what the destination has now, so that the medium carries it back. If an
 * archive cannot be written, warns: the import succeeded nevertheless.
 *
 * @param examined the subvolumes that this import examined
 */
export async function writeReceipts(
  catalogs: readonly Catalog[],
  into: string,
  filesystem: Filesystem,
  examined: readonly DestinationSubvolume[],
  emit: Emit,
): Promise<void> {
  const genuine = examined
    .filter(({ standing }) => standing === 'genuine')
    .map(({ uuid, state }) => ({ localUuid: uuid, ctransid: state.ctransid }));
  let present: readonly Present[] | undefined;
  for (const { store } of catalogs) {
    if (!isWritable(store)) continue;
    try {
      present ??= await presentSubvolumes(into, filesystem);
      await writeReceipt(store, filesystem, present, genuine);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      emit({
        type: 'warning',
        code: 'receipt-not-written',
        message: `no receipt was written: ${error.message}`,
        hint: 'nothing is lost; the archive does not learn what this destination has',
      });
    }
  }
}

async function writeReceipt(
  store: WritableStore,
  { uuid: filesystem }: Filesystem,
  present: readonly Present[],
  genuine: readonly LocalState[],
): Promise<void> {
  const { receipts } = await readReceipts(store);
  const earlier = receipts.find((receipt) => receipt.filesystem === filesystem);
  const examined = new Set([...genuine, ...(earlier?.subvolumes ?? [])].map(stateKey));
  const bytes = receiptDocument.encode({
    format: 'btrferry/receipt',
    version: FORMAT_VERSION,
    filesystem,
    subvolumes: genuineAmong(present, filesystem, examined),
    tool: program,
    createdAt: new Date().toISOString(),
  });
  await writeWhole(store, receiptFile(filesystem), bytes);
}

/** A received subvolume that can be reached. */
interface Present {
  readonly listed: Subvolume;
  readonly info: SubvolumeInfo;
}

async function presentSubvolumes(into: string, { mount }: Filesystem): Promise<Present[]> {
  const present: Present[] = [];
  for (const listed of await listSubvolumes(into)) {
    const place = reachablePath(listed, mount);
    if (listed.receivedUuid === null || place === null) continue;
    // It may be gone by now, or another filesystem may be mounted there.
    const info = await infoAt(place).catch(() => undefined);
    if (info?.uuid === listed.uuid) present.push({ listed, info });
  }
  return present;
}

/**
 * The subvolumes that are what their received UUID says. If only the files of one could prove that,
 * it counts if it was examined: by this import, or by the one that wrote the earlier receipt.
 */
function genuineAmong(
  present: readonly Present[],
  filesystem: string,
  examined: ReadonlySet<string>,
): Receipt['subvolumes'] {
  return present.flatMap(({ listed, info }) => {
    const { uuid, ctransid, sendTransid } = stateOf(filesystem, info);
    const localUuid = info.uuid;
    const standing = standingOf(info);
    const wasExamined = examined.has(stateKey({ localUuid, ctransid }));
    const genuine = standing === 'genuine' || (standing === 'undecided' && wasExamined);
    if (sendTransid === null || !genuine) return [];
    return [{ uuid, ctransid, sendTransid, localUuid, path: byteString(listed.path) }];
  });
}

/** A state of a subvolume as its own filesystem counts it. */
interface LocalState {
  readonly localUuid: string;
  readonly ctransid: string;
}

function stateKey({ localUuid, ctransid }: LocalState): string {
  return `${localUuid} ${ctransid}`;
}
