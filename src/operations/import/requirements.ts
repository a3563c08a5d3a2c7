import type { Requirement } from '../../archive/graph/graph.ts';
import type { StoredStream } from '../../archive/read/stored-stream.ts';
import type { Filesystem } from '../../btrfs/filesystem.ts';
import { linkStates, type StateRecord } from '../../names/state.ts';
import { bearersOf, type DestinationSubvolume, unusable } from './destination.ts';
import { destinationFacts } from './facts.ts';
import { changedFailure, missingFailure, unusableFailure } from './refusal.ts';

interface Surroundings {
  readonly into: string;
  readonly filesystem: Filesystem;
  /** The records that link states, by UUID. */
  readonly records: ReadonlyMap<string, readonly StateRecord[]>;
  readonly signal: AbortSignal;
}

/** The subvolumes that a stream builds on, as they were right before it is received. */
export interface HeldRequirements {
  /** UUID that the parent's subvolume has at the destination; null for a full stream. */
  readonly parent: string | null;
  /**
   * Checks that none of them was changed in the meantime.
   *
   * @throws {Failure} `proof-failed`
   */
  readonly unchanged: () => Promise<void>;
}

/**
 * Examines the subvolumes that a stream builds on. The plan may be hours old, and `btrfs receive`
 * checks UUIDs alone.
 *
 * @throws {Failure} `parent-missing`
 */
export async function holdRequirements(
  stream: StoredStream,
  surroundings: Surroundings,
): Promise<HeldRequirements> {
  if (stream.requires.length === 0) return { parent: null, unchanged: async () => {} };
  const before = await requiredSubvolumes(stream, surroundings);
  const unchanged = async () => {
    const after = await requiredSubvolumes(stream, surroundings).catch(() => undefined);
    for (const [requirement, subvolume] of before) {
      const same = (other: DestinationSubvolume | undefined) =>
        other?.uuid === subvolume.uuid && other.state.ctransid === subvolume.state.ctransid;
      if (!same(after?.get(requirement))) throw changedFailure(stream, requirement);
    }
  };
  const [first] = stream.requires;
  const { parent } = stream.manifest;
  const held = parent === null || first === undefined ? undefined : before.get(first);
  return { parent: held?.uuid ?? null, unchanged };
}

/** Finds the subvolume that `btrfs receive` takes for each requirement, and checks its state. */
async function requiredSubvolumes(
  stream: StoredStream,
  { into, filesystem, records, signal }: Surroundings,
): Promise<Map<Requirement, DestinationSubvolume>> {
  const { subvolumes } = await destinationFacts(into, filesystem, [stream], signal);
  const bearers = bearersOf(subvolumes);
  const states = linkStates([
    ...stream.requires.flatMap(({ uuid }) => records.get(uuid) ?? []),
    ...subvolumes.map(({ state }) => state),
  ]);
  const found = new Map<Requirement, DestinationSubvolume>();
  for (const requirement of stream.requires) {
    const here = bearers.get(requirement.uuid) ?? [];
    const taken = here.find((subvolume) => subvolume.taken);
    const reason = taken === undefined ? null : unusable(taken);
    if (taken !== undefined && reason !== null) {
      throw unusableFailure(stream, requirement, reason, taken);
    }
    if (taken === undefined || states.of(taken.state) !== states.of(requirement)) {
      throw missingFailure(stream, [requirement], taken && { requirement, taken });
    }
    found.set(requirement, taken);
  }
  return found;
}
