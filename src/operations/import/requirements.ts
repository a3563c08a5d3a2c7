import type { StoredStream } from '../../archive/catalog.ts';
import { type GraphStream, satisfies } from '../../archive/graph.ts';
import type { Filesystem } from '../../btrfs/filesystem.ts';
import { announcedIdentity } from '../../btrfs/identity.ts';
import { reachablePath } from '../../btrfs/subvolume.ts';
import { Failure } from '../../failure/failure.ts';
import type { ManifestRequirement } from '../../manifest/schema.ts';
import { bytesFromText } from '../../manifest/text.ts';
import { presentAt, unusable } from './destination.ts';
import { destinationFacts } from './facts.ts';
import { changedFailure, missingFailure, unusableFailure } from './refusal.ts';

interface Surroundings {
  readonly into: string;
  readonly filesystem: Filesystem;
  /** The relayed ones of the streams at hand, by UUID. */
  readonly relayed: ReadonlyMap<string, readonly GraphStream[]>;
  readonly signal: AbortSignal;
}

/**
 * Looks at what a stream builds on right before it is received: hours may have passed since the
 * plan, and `btrfs receive` looks at UUIDs alone.
 *
 * @returns the check, for afterwards, that nothing of it was changed in the meantime.
 * @throws Failure `parent-missing`; of the check, `proof-failed`
 */
export async function holdRequirements(
  stream: StoredStream,
  { into, filesystem, relayed, signal }: Surroundings,
): Promise<() => Promise<void>> {
  if (stream.requires.length === 0) return async () => {};
  const { subvolumes } = await destinationFacts(into, filesystem, [stream], signal);
  const there = presentAt(subvolumes, relayed);
  /** The state of a requirement as this filesystem counts it: any change raises it. */
  const stateOf = async (requirement: ManifestRequirement): Promise<string> => {
    const here = there.get(requirement.uuid) ?? [];
    const reason = unusable(here);
    if (reason !== null) throw unusableFailure(stream, requirement, reason, here);
    const found = here.find((present) => satisfies(requirement, present));
    if (found === undefined) {
      const other = here.length > 0 ? requirement : undefined;
      throw missingFailure(stream, [requirement], other, here);
    }
    const path = reachablePath(
      { path: bytesFromText(found.subvolume.path) },
      filesystem.mount,
    ) as Buffer;
    const { uuid, ctransid } = await announcedIdentity(path, { signal });
    return `${uuid} ${ctransid}`;
  };
  const before = new Map<ManifestRequirement, string>();
  for (const requirement of stream.requires) before.set(requirement, await stateOf(requirement));
  return async () => {
    for (const [requirement, state] of before) {
      const after = await stateOf(requirement).catch((error: unknown) => {
        if (error instanceof Failure && error.code === 'not-read-only') return undefined;
        throw error;
      });
      if (after !== state) throw changedFailure(stream, requirement);
    }
  };
}
