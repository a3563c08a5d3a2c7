import type { StateRecord } from '../names/state.ts';
import type { SubvolumeInfo } from './subvolume-info.ts';

/** The UUID that a send stream of a subvolume announces, and that `btrfs receive` looks it up by. */
export function announcedUuid({
  uuid,
  receivedUuid,
}: Pick<SubvolumeInfo, 'uuid' | 'receivedUuid'>): string {
  return receivedUuid ?? uuid;
}

/**
 * The state of a subvolume as its filesystem counts it, and as a send stream of it announces it:
 * the kernel puts the received UUID there when there is one, but its own ctransid.
 *
 * @param filesystem UUID
 */
export function stateOf(filesystem: string, info: SubvolumeInfo): StateRecord {
  const { receivedUuid, ctransid, sendTransid } = info;
  return {
    filesystem,
    uuid: announcedUuid(info),
    ctransid: String(ctransid),
    sendTransid: receivedUuid === null ? null : String(sendTransid),
  };
}
