import type { StoredStream } from '../../archive/catalog.ts';
import { groupBy, type Present, satisfies, unmetBy } from '../../archive/graph.ts';
import type { Receipt } from '../../manifest/schema.ts';
import type { StreamVerified } from '../event.ts';
import { identityOf } from '../requirement.ts';

type Needs = Pick<StreamVerified, 'missing' | 'elsewhere'>;

/** What a stream needs that none of `streams` is: on other filesystems by `receipts`, or nowhere. */
export function needsOf(
  streams: readonly StoredStream[],
  receipts: readonly Receipt[],
): (stream: StoredStream) => Needs {
  const here = groupBy<Present>(streams, ({ uuid }) => uuid);
  const vouched = receipts.flatMap(({ filesystem, subvolumes }) =>
    subvolumes.map((subvolume) => ({ ...subvolume, filesystem })),
  );
  const there = groupBy(vouched, ({ uuid }) => uuid);
  return (stream) => {
    const missing: Needs['missing'][number][] = [];
    const elsewhere: Needs['elsewhere'][number][] = [];
    for (const requirement of unmetBy(stream, here)) {
      const having = there.get(requirement.uuid)?.filter((each) => satisfies(requirement, each));
      const identity = identityOf(requirement);
      const filesystems = new Set(having?.map(({ filesystem }) => filesystem));
      if (filesystems.size === 0) missing.push(identity);
      for (const filesystem of filesystems) elsewhere.push({ ...identity, filesystem });
    }
    return { missing, elsewhere };
  };
}
