import { hostname } from 'node:os';
import { receiptFile } from '../../archive/layout.ts';
import type { Catalog } from '../../archive/read/catalog.ts';
import type { Filesystem } from '../../btrfs/filesystem.ts';
import type { Mount } from '../../btrfs/mounts.ts';
import { infoAt, listSubvolumes, reachablePath, type Subvolume } from '../../btrfs/subvolume.ts';
import type { SubvolumeInfo } from '../../btrfs/subvolume-info.ts';
import { Failure } from '../../failure/failure.ts';
import { receiptDocument, type Unsealed } from '../../manifest/document.ts';
import { FORMAT_VERSION } from '../../manifest/format.ts';
import { program } from '../../manifest/program.ts';
import type { Receipt } from '../../manifest/schema.ts';
import { byteString } from '../../names/byte-string.ts';
import { announcedUuid, stateOf } from '../../names/identity.ts';
import { standingOf } from '../../names/standing.ts';
import { isWritable, writeWhole } from '../../store/store.ts';
import type { Context } from '../operation.ts';
import type { DestinationSubvolume } from './destination.ts';

/** A filesystem that received streams, and the directory in it that they were received in. */
interface Receiver {
  readonly into: string;
  readonly filesystem: Filesystem;
}

/**
 * Writes what the destination has now to each archive, so that the medium carries it back, and to
 * the ledger of this machine. If an archive cannot be written, warns: the import succeeded
 * nevertheless.
 *
 * @param examined the subvolumes that this import examined
 * @param earlier the receipts of this destination that are known
 */
export async function writeReceipts(
  catalogs: readonly Catalog[],
  receiver: Receiver,
  examined: readonly DestinationSubvolume[],
  earlier: readonly Receipt[],
  { emit, ledger }: Pick<Context, 'emit' | 'ledger'>,
): Promise<void> {
  const genuine = examined
    .filter(({ standing }) => standing === 'genuine')
    .map(({ uuid, state }) => ({ localUuid: uuid, ctransid: state.ctransid }));
  let receipt: Unsealed<Receipt> | undefined;
  for (const { store } of catalogs) {
    if (!isWritable(store)) continue;
    try {
      receipt ??= await receiptOf(receiver, genuine, earlier);
      const bytes = receiptDocument.encode(receipt);
      await writeWhole(store, receiptFile(receiver.filesystem.uuid), bytes);
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
  receipt ??= await receiptOf(receiver, genuine, earlier);
  await ledger.remember([receiptDocument.decode(receiptDocument.encode(receipt), 'receipt')]);
}

/** The most states that a receipt lists as removed. The oldest are left out. */
const MOST_FORMER = 20_000;

async function receiptOf(
  { into, filesystem: { uuid: filesystem, label, mount } }: Receiver,
  genuine: readonly LocalState[],
  earlier: readonly Receipt[],
): Promise<Unsealed<Receipt>> {
  const listed = await listSubvolumes(into);
  const present = await presentSubvolumes(listed, mount);
  const known = earlier.flatMap((receipt) => receipt.subvolumes);
  const examined = new Set([...genuine, ...known].map(stateKey));
  return {
    format: 'btrferry/receipt',
    version: FORMAT_VERSION,
    filesystem,
    ...(label.length === 0 ? {} : { label: byteString(label) }),
    host: hostname(),
    subvolumes: genuineAmong(present, filesystem, examined),
    former: removedFrom(listed, earlier).slice(-MOST_FORMER),
    tool: program,
    createdAt: new Date().toISOString(),
  };
}

/** The states that earlier receipts list, and whose UUID no subvolume bears any more. */
function removedFrom(
  listed: readonly Subvolume[],
  earlier: readonly Receipt[],
): NonNullable<Receipt['former']> {
  const here = new Set(listed.map(announcedUuid));
  const removed = new Map<string, NonNullable<Receipt['former']>[number]>();
  for (const { former = [], subvolumes } of earlier) {
    for (const { uuid, ctransid, sendTransid } of [...former, ...subvolumes]) {
      if (!here.has(uuid)) removed.set(`${uuid} ${ctransid}`, { uuid, ctransid, sendTransid });
    }
  }
  return [...removed.values()];
}

/** A received subvolume that can be reached. */
interface Present {
  readonly listed: Subvolume;
  readonly info: SubvolumeInfo;
}

async function presentSubvolumes(
  subvolumes: readonly Subvolume[],
  mount: Mount,
): Promise<Present[]> {
  const present: Present[] = [];
  for (const listed of subvolumes) {
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
