import { statesOf, unmetBy } from '../../archive/graph/graph.ts';
import { receiptRecords } from '../../archive/read/receipts.ts';
import type { StoredStream } from '../../archive/read/stored-stream.ts';
import type { StreamVerified } from '../../events/verify.ts';
import type { Receipt } from '../../manifest/schema.ts';
import { namedIdentity } from '../../names/identity.ts';
import type { StateRecord, States } from '../../names/state.ts';

export type Needs = Pick<StreamVerified, 'missing' | 'elsewhere' | 'adoptable'>;

/**
 * Returns a function that finds the requirements of a stream that no stream meets: those that
 * receipts name on other filesystems, those that fingerprints describe, and those that nothing has.
 */
export function needsOf(
  streams: readonly StoredStream[],
  receipts: readonly Receipt[],
  fingerprints: readonly StateRecord[],
  states: States,
): (stream: StoredStream) => Needs {
  const here = statesOf(streams, states);
  const fingerprinted = statesOf(fingerprints, states);
  const having = new Map<string, Set<string>>();
  for (const receipt of receipts) {
    for (const state of statesOf(receiptRecords([receipt]), states)) {
      const { filesystem } = receipt;
      if (!having.get(state)?.add(filesystem)) having.set(state, new Set([filesystem]));
    }
  }
  return (stream) => {
    const missing: Needs['missing'][number][] = [];
    const elsewhere: Needs['elsewhere'][number][] = [];
    const adoptable: Needs['adoptable'][number][] = [];
    for (const requirement of unmetBy(stream, here, states)) {
      const identity = namedIdentity(requirement);
      const filesystems = having.get(states.of(requirement)) ?? new Set();
      if (fingerprinted.has(states.of(requirement))) adoptable.push(identity);
      else if (filesystems.size === 0) missing.push(identity);
      for (const filesystem of filesystems) elsewhere.push({ ...identity, filesystem });
    }
    return { missing, elsewhere, adoptable };
  };
}
