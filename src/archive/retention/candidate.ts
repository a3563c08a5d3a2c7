import { DisjointSets } from '../../names/disjoint-sets.ts';
import type { GraphStream } from '../graph/graph.ts';
import type { StoredStream } from '../read/stored-stream.ts';
import type { Judged } from './policy.ts';

/** A stored stream as retention sees it. */
export interface Candidate extends GraphStream, Judged {
  /** A key that two streams share if their snapshots are known to be of one subvolume. */
  readonly family: string;
  /** A key that two streams share if they hold the same bytes. */
  readonly contents: string;
  /** Its parts are there and have their length. */
  readonly isWhole: boolean;
}

/**
 * Derives from manifests what retention needs.
 *
 * @param spoiled streams with a part that is missing or has another length
 */
export function candidatesOf<S extends StoredStream>(
  streams: readonly S[],
  spoiled: ReadonlySet<S>,
): (Candidate & { readonly stored: S })[] {
  const familyOf = familiesOf(streams);
  return streams.map((stored) => {
    const { filesystem, uuid, ctransid, sendTransid, requires, storedBytes, manifest } = stored;
    const { createdAt, receivedUuid } = manifest.source;
    const made = createdAt === null ? Number.NaN : Date.parse(createdAt);
    // Of a snapshot that was received, it is the time of the import.
    const isDated = receivedUuid === null && !Number.isNaN(made);
    return {
      ...{ filesystem, uuid, ctransid, sendTransid, requires, storedBytes, stored },
      family: familyOf(stored),
      contents: `${uuid} ${manifest.stream.framesXxh64} ${manifest.stream.length}`,
      isOrdered: createdAt !== null,
      madeAt: isDated ? made : undefined,
      isWhole: !spoiled.has(stored),
    };
  });
}

/**
 * Snapshots are of one family if their parent UUIDs lead to one subvolume. One that was received is of
 * the family of the snapshot that it is a copy of.
 */
export function familiesOf(streams: readonly StoredStream[]): (stream: StoredStream) => string {
  const sets = new DisjointSets();
  const own = ({ uuid, manifest: { source } }: StoredStream) => source.uuid ?? uuid;
  for (const stream of streams) {
    const { parentUuid } = stream.manifest.source;
    sets.join(own(stream), stream.uuid);
    if (parentUuid !== null) sets.join(own(stream), parentUuid);
  }
  return (stream) => sets.find(own(stream));
}
