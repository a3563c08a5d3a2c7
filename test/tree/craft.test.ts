import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { FINE, WHOLE } from '../../src/tree/blocks.ts';
import { everything } from '../endtoend/everything.ts';
import { seeded } from '../faults/random.ts';
import { type Btrfs, describeReal, describeTree, withBtrfs } from '../filesystem.ts';
import { applied } from './apply.ts';
import { randomTree } from './random-tree.ts';

describeReal('a crafted stream', () => {
  let fs: Btrfs;
  beforeAll(() => {
    fs = withBtrfs({ size: 2 ** 31 });
    everything(fs);
  });
  afterAll(() => fs?.remove());

  const names = ['first', 'second', 'third', 'fifth', 'library.1'];
  const pairs = names.flatMap((from) => names.map((to) => [from, to] as const));

  it.each(pairs)('makes %s to %s', async (from, to) => {
    for (const blockSize of [FINE, WHOLE]) {
      const made = await applied(fs, fs.at(from), fs.at(to), blockSize);
      expect(describeTree(made.path)).toEqual(describeTree(fs.at(to)));
      if (from === to) expect(made.found).toEqual({});
      execFileSync('btrfs', ['-q', 'subvolume', 'delete', made.path]);
    }
  });

  it.each(Array.from({ length: 10 }, (_, seed) => seed + 1))(
    'makes one random tree to another, seed %i',
    async (seed) => {
      const random = seeded(seed);
      const [from, to] = [fs.subvolume(`from-${seed}`), fs.subvolume(`to-${seed}`)];
      randomTree(from, random);
      randomTree(to, random);
      for (const name of ['from', 'to']) fs.snapshot(`${name}-${seed}`, `${name}-${seed}-ro`);
      const [old, other] = [`${from}-ro`, `${to}-ro`];
      for (const [a, b] of [
        [old, other],
        [other, old],
      ] as const) {
        const made = await applied(fs, a, b, FINE);
        expect(describeTree(made.path)).toEqual(describeTree(b));
        const equal = describeTree(a).join() === describeTree(b).join();
        expect(Object.keys(made.found).length === 0).toBe(equal);
      }
    },
  );

  it('clones what moved within a file, and sends only what is new', async () => {
    const top = fs.subvolume('moving');
    const file = path.join(top, 'file');
    const [one, two] = [randomBytes(2 ** 20), randomBytes(2 ** 20)];
    writeFileSync(file, Buffer.concat([one, two, Buffer.from('end')]));
    fs.snapshot('moving', 'moving.1');
    writeFileSync(file, Buffer.concat([two, randomBytes(FINE), one, Buffer.from('other end')]));
    fs.snapshot('moving', 'moving.2');
    const made = await applied(fs, fs.at('moving.1'), fs.at('moving.2'), FINE);
    expect(describeTree(made.path)).toEqual(describeTree(fs.at('moving.2')));
    expect(made.stream.length).toBeLessThan(3 * FINE);
    expect(made.summary.commandCounts).toMatchObject({ CLONE: 3 });
  });
});
