import type { Candidate } from '../../../src/archive/retention/candidate.ts';
import type { Policy } from '../../../src/archive/retention/policy.ts';
import { type RetentionFacts, retain } from '../../../src/archive/retention/retention.ts';
import type { StateRecord } from '../../../src/names/state.ts';

/** Streams of an archive as retention sees them, and an oracle for what can be restored. */

export const now = Date.parse('2026-11-27T10:00:00Z');
export const day = 86_400_000;

/** The state of the snapshot of this UUID, as its source `A` counts it. */
export const state = (uuid: string, ctransid = '1'): StateRecord => ({
  filesystem: 'A',
  uuid,
  ctransid,
  sendTransid: null,
});

let number = 0;
export function stream(
  uuid: string,
  requires: string[] = [],
  change: Partial<Candidate> = {},
): Candidate {
  number++;
  return {
    ...state(uuid),
    requires: requires.map((each) => state(each)),
    storedBytes: 10,
    family: 'home',
    contents: `${number}`,
    isOrdered: true,
    madeAt: now - 100 * day + number * 1000,
    isWhole: true,
    ...change,
  };
}

interface Around {
  readonly destinations?: readonly (readonly StateRecord[])[];
  readonly bases?: readonly StateRecord[];
  readonly links?: readonly StateRecord[];
  readonly awaited?: readonly string[];
}

export function prune(streams: readonly Candidate[], policy: Policy, around: Around = {}) {
  const { destinations = [], bases = [], links = destinations.flat(), awaited = [] } = around;
  const facts: RetentionFacts<Candidate> = {
    streams,
    policy,
    now,
    awaited,
    surroundings: { destinations, bases, links },
  };
  return retain(facts);
}

const key = ({ uuid, ctransid, filesystem }: StateRecord) => `${filesystem} ${uuid} ${ctransid}`;

/** Streams that an empty filesystem, or one with these states, can receive: by trying again and again. */
export function restorable(
  streams: readonly Candidate[],
  present: readonly StateRecord[] = [],
): Candidate[] {
  const have = new Set(present.map(key));
  const done = new Set<Candidate>();
  for (let moved = true; moved; ) {
    moved = false;
    for (const each of streams) {
      const names = [
        key(each),
        ...(each.sendTransid === null ? [] : [key(state(each.uuid, each.sendTransid))]),
      ];
      if (done.has(each) || !each.isWhole || !each.requires.every((need) => have.has(key(need))))
        continue;
      done.add(each);
      for (const name of names) have.add(name);
      // A relay names the state of its origin in its own way.
      for (const other of streams) {
        const its = other.sendTransid === null ? '' : key(state(other.uuid, other.sendTransid));
        if (have.has(its)) have.add(key(other));
      }
      moved = true;
    }
  }
  return [...done];
}
