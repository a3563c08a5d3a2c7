import { groupBy } from '../../archive/graph/graph.ts';
import type { CertainStanding } from '../../btrfs/standing.ts';
import type { ByteString } from '../../names/byte-string.ts';
import type { StateRecord, States } from '../../names/state.ts';

/** A subvolume of the destination that bears a UUID which a stream brings or builds on. */
export interface DestinationSubvolume {
  readonly path: ByteString;
  /** Its own UUID. */
  readonly uuid: string;
  /** The state that it is in if it is genuine, as this filesystem counts it. */
  readonly state: StateRecord;
  /** `unknown`: only its files could decide it, and they cannot be reached. */
  readonly standing: CertainStanding | 'unknown';
  /** It lies in the mounted part of the filesystem, so `btrfs receive` can open it. */
  readonly reachable: boolean;
  /** `btrfs receive` takes this one for the UUID. */
  readonly taken: boolean;
}

/** The subvolumes that bear each UUID. */
export type Bearers = ReadonlyMap<string, readonly DestinationSubvolume[]>;

export function bearersOf(subvolumes: readonly DestinationSubvolume[]): Bearers {
  return groupBy(subvolumes, ({ state }) => state.uuid);
}

/** A reason why a subvolume cannot serve as a parent or clone source. */
export type Unusable = Exclude<DestinationSubvolume['standing'], 'genuine'> | 'unreachable';

/** Returns null if it can. */
export function unusable({ standing, reachable }: DestinationSubvolume): Unusable | null {
  if (standing !== 'genuine') return standing;
  return reachable ? null : 'unreachable';
}

/** The subvolumes that `btrfs receive` takes for a UUID, and that are genuine and reachable. */
export function usableAmong(bearers: Bearers): DestinationSubvolume[] {
  const taken = [...bearers.values()].flatMap((list) => list.filter((each) => each.taken));
  return taken.filter((subvolume) => unusable(subvolume) === null);
}

/** A subvolume that is proved to be in a state, even if `btrfs receive` takes another one. */
export function genuineIn(
  bearers: readonly DestinationSubvolume[],
  state: string,
  states: States,
): DestinationSubvolume | undefined {
  return bearers.find((each) => each.standing === 'genuine' && states.of(each.state) === state);
}
