import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeReal } from '../filesystem.ts';
import { seeded } from './random.ts';
import { makeScene, type Scene } from './scene.ts';
import { newTally } from './tally.ts';
import { interruptExport, interruptImport, killExport, killImport } from './trials.ts';

/** Other moments of the same trials: npm run soak -- --seed N. */
const SEED = 20261122;

describeReal(
  'a command that is killed at any moment and run again ends as if nothing had happened',
  () => {
    let scene: Scene;
    beforeAll(async () => {
      scene = await makeScene({ mebibytes: 24, seed: SEED });
    });
    afterAll(() => scene?.remove());

    test('an export by SIGKILL', async () => {
      const [random, tally] = [seeded(SEED), newTally()];
      for (let trial = 0; trial < 3; trial++) await killExport(scene, random, tally);
      expect(tally.killedAlone + tally.killedInGroup).toBeGreaterThan(0);
    });

    test('an import by SIGKILL', async () => {
      const [random, tally] = [seeded(SEED + 1), newTally()];
      for (let trial = 0; trial < 3; trial++) await killImport(scene, random, tally);
      expect(tally.killedAlone + tally.killedInGroup).toBeGreaterThan(0);
    });

    test('an export or an import by SIGINT or SIGTERM', async () => {
      const [random, tally] = [seeded(SEED + 2), newTally()];
      await interruptExport(scene, random, tally);
      await interruptImport(scene, random, tally);
      expect(tally.interrupted + tally.tooLate).toBe(2);
    });
  },
);
