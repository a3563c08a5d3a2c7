import fc from 'fast-check';
import { describe, test } from 'vitest';
import { type Mutation, mutationKinds, telling } from './mutation.ts';
import { tally } from './tally.ts';
import { targets } from './targets.ts';

/** The long run is fuzz.ts; here is a little of it each time, with another seed, that shrinks. */

const place = fc.oneof(fc.nat(200), fc.nat({ max: 0xffffffff }));
const mutation: fc.Arbitrary<Mutation> = fc.record({
  kind: fc.constantFrom(...mutationKinds),
  at: place,
  value: fc.oneof(fc.constantFrom(...telling), place),
  length: fc.oneof(fc.nat(40), fc.nat(5000)),
});
const mutations = fc.array(mutation, { minLength: 1, maxLength: 6 });
const cuts = fc.array(place, { maxLength: 8 });

describe('bytes that were spoiled end in a result or a failure:', () => {
  test.each(targets)('$name', async ({ name, seeds, spoil, run }) => {
    const numRuns = name.startsWith('zstd') ? 150 : 3000;
    await fc.assert(
      fc.asyncProperty(fc.nat(seeds.length - 1), mutations, cuts, async (at, changes, places) => {
        await run(spoil(seeds[at] as Uint8Array, changes), places);
      }),
      { numRuns },
    );
    tally('fuzz executions in the test suite', numRuns);
  });
});
