import { groupBy } from '../../archive/graph/graph.ts';
import type { CertainStanding } from '../../btrfs/standing.ts';
import type { ByteString } from '../../names/byte-string.ts';
import type { StateRecord, States } from '../../names/state.ts';

/** A subvolume of the destination filesystem that bears a UUID which streams name. */
export interface DestinationSubvolume {
  readonly path: ByteString;
  /** Its own UUID. */
  readonly uuid: string;
  /** The state that it would be, as this filesystem counts it, if it is genuine. */
  readonly state: StateRecord;
  /** `unknown`: what btrfs records does not decide it, and its files can't be reached. */
  readonly standing: CertainStanding | 'unknown';
  /** It lies in the part of the filesystem that is mounted, where receive can open it. */
  readonly reachable: boolean;
  /** It is the one that `btrfs receive` takes for the UUID. */
  readonly taken: boolean;
}

/** The subvolumes that bear each UUID which streams name. */
export type Bearers = ReadonlyMap<string, readonly DestinationSubvolume[]>;

export function bearersOf(subvolumes: readonly DestinationSubvolume[]): Bearers {
  return groupBy(subvolumes, ({ state }) => state.uuid);
}

/** Why a subvolume can't serve as a parent or clone source. */
export type Unusable = Exclude<DestinationSubvolume['standing'], 'genuine'> | 'unreachable';

/** Null where it can. */
export function unusable({ standing, reachable }: DestinationSubvolume): Unusable | null {
  if (standing !== 'genuine') return standing;
  return reachable ? null : 'unreachable';
}

/** The subvolumes that `btrfs receive` takes for a UUID and that are what it says. */
export function usableAmong(bearers: Bearers): DestinationSubvolume[] {
  const taken = [...bearers.values()].flatMap((list) => list.filter((each) => each.taken));
  return taken.filter((subvolume) => unusable(subvolume) === null);
}

/** The subvolume that is of a state, as far as that can be proved, whatever receive takes. */
export function genuineIn(
  bearers: readonly DestinationSubvolume[],
  state: string,
  states: States,
): DestinationSubvolume | undefined {
  return bearers.find((each) => each.standing === 'genuine' && states.of(each.state) === state);
}
