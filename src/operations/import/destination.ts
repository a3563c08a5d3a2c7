import { type GraphStream, groupBy, type Present } from '../../archive/graph.ts';
import type { Text } from '../../manifest/text.ts';

/** A subvolume of the destination filesystem. */
export interface DestinationSubvolume {
  readonly path: Text;
  readonly uuid: string;
  readonly receivedUuid: string | null;
  /**
   * Of a received subvolume the ctransid that its stream announced (its send transid), of another
   * the one that its own would. Undefined where it can't be known, or no stream asks for it.
   */
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
function identities(subvolume: DestinationSubvolume): PresentSubvolume[] {
  const { uuid, receivedUuid, ctransid } = subvolume;
  if (receivedUuid === null) return [{ uuid, ctransid, subvolume }];
  // No stream names a received subvolume by its own UUID.
  return [
    { uuid, ctransid: undefined, subvolume },
    { uuid: receivedUuid, ctransid, subvolume },
  ];
}

/** The relayed ones of the streams at hand, by UUID. */
export function relayedOf<S extends GraphStream>(streams: readonly S[]): Map<string, S[]> {
  return groupBy(
    streams.filter(({ relayed }) => relayed),
    ({ uuid }) => uuid,
  );
}

/**
 * What is at the destination, by the UUIDs that streams may name. `relayed`: {@link relayedOf}.
 */
export function presentAt(
  subvolumes: readonly DestinationSubvolume[],
  relayed: ReadonlyMap<string, readonly GraphStream[]>,
): Map<string, PresentSubvolume[]> {
  const all = subvolumes.flatMap(identities).map((present) => asRelayed(present, relayed));
  return groupBy(all, ({ uuid }) => uuid);
}

/**
 * Where an archive has a relayed stream of just this state, the subvolume may have come by it:
 * then its ctransid is that of the filesystem that passed it on.
 */
function asRelayed(
  present: PresentSubvolume,
  relayed: ReadonlyMap<string, readonly GraphStream[]>,
): PresentSubvolume {
  const { uuid, ctransid } = present;
  const passedOn = relayed.get(uuid)?.some((s) => s.ctransid === ctransid) === true;
  return passedOn ? { ...present, relayed: true } : present;
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
