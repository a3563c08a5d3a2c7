import { expect, test } from 'vitest';
import { seeded } from '../faults/random.ts';
import { describeReal } from '../filesystem.ts';
import { world } from './world.ts';

/** BTRFERRY_SEED and BTRFERRY_STEPS choose others. */
const seed = Number(process.env.BTRFERRY_SEED ?? 1);
const steps = Number(process.env.BTRFERRY_STEPS ?? 80);

describeReal('in random chains, relays and flips', () => {
  test(`every claim of the program about contents is true (seed ${seed})`, async () => {
    const { step, seen } = world(seeded(seed));
    for (let at = 0; at < steps; at++) await step();
    const met = Object.entries(seen).map(([what, times]) => `${what}: ${times}`);
    process.stdout.write(`seed ${seed}, ${steps} steps: ${met.sort().join('; ')}\n`);
    // It must have met what it is for.
    expect(seen['import: received']).toBeGreaterThan(0);
    const refused = /^(export: (not-genuine|archive-conflict)|import refused: .*)$/;
    expect(Object.keys(seen).filter((what) => refused.test(what))).not.toEqual([]);
  }, 600_000);
});
