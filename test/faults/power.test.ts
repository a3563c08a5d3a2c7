import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeReal } from '../filesystem.ts';
import { seeded } from './random.ts';
import { makeScene, type Scene } from './scene.ts';
import { newTally } from './tally.ts';
import { cutExport, cutImport } from './trials.ts';

const SEED = 20261123;

describeReal('a power cut at any moment, also right after the end', () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await makeScene({ mebibytes: 8, seed: SEED });
  });
  afterAll(() => scene?.remove());

  test.each(['ext4', 'btrfs'] as const)('of an export onto %s', async (type) => {
    const tally = newTally();
    await cutExport(scene, seeded(SEED), tally, type);
    expect(tally.powerCuts).toBeGreaterThan(0);
  });

  test('of an import', async () => {
    const tally = newTally();
    await cutImport(scene, seeded(SEED), tally);
    expect(tally.powerCuts).toBeGreaterThan(0);
  });
});
