import type { Present } from '../../archive/graph.ts';
import type { Text } from '../../manifest/text.ts';

/** A subvolume of the destination filesystem. */
export interface DestinationSubvolume {
  readonly path: Text;
  readonly uuid: string;
  readonly receivedUuid: string | null;
  /** Send transid, of a received subvolume: the ctransid that its stream announced. */
  readonly ctransid: string | undefined;
  readonly readOnly: boolean;
  /** It lies in the part of the filesystem that is mounted, where receive can open it. */
  readonly reachable: boolean;
}

/** An identity that a subvolume at the destination lends itself to. */
export interface PresentSubvolume extends Present {
  readonly subvolume: DestinationSubvolume;
}

/** `receive` looks a parent up by received UUID first, then by UUID. */
export function identities(subvolume: DestinationSubvolume): PresentSubvolume[] {
  const own = { uuid: subvolume.uuid, ctransid: undefined, subvolume };
  if (subvolume.receivedUuid === null) return [own];
  return [own, { uuid: subvolume.receivedUuid, ctransid: subvolume.ctransid, subvolume }];
}

/** Why a subvolume can't serve as a parent or clone source. */
export type Unusable = 'writable' | 'unreachable' | 'ambiguous';

export function unusable(list: readonly PresentSubvolume[]): Unusable | null {
  const received = list.filter(({ uuid, subvolume }) => subvolume.receivedUuid === uuid);
  const found = received.length > 0 ? received : list;
  if (found.length > 1) return 'ambiguous';
  if (found.some(({ subvolume }) => !subvolume.readOnly)) return 'writable';
  return found.some(({ subvolume }) => !subvolume.reachable) ? 'unreachable' : null;
}
