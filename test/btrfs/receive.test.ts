import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { deleteSubvolume, renameSubvolume } from '../../src/btrfs/change.ts';
import { prove } from '../../src/btrfs/proof.ts';
import { showSubvolume } from '../../src/btrfs/subvolume.ts';
import { describeReal, describeTree, withBtrfs } from '../filesystem.ts';
import { announcedBy, chain, received, sent } from './transfer.ts';

describeReal('send and receive', () => {
  test.each(['', 'plain', 'sub', 'sub/in'])('a chain arrives equal in "%s"', async (where) => {
    const source = withBtrfs();
    const destination = withBtrfs();
    const snapshots = chain(source);
    mkdirSync(destination.at('plain'));
    destination.subvolume('sub');
    mkdirSync(destination.at('sub/in'));
    const into = destination.at(where);
    let parent: string | undefined;
    for (const snapshot of snapshots) {
      const outcome = await received(into, await sent({ snapshot, parent }));
      expect(outcome).toEqual({ exitCode: 0, stderr: [], confinement: 'namespace' });
      const arrived = path.join(into, path.basename(snapshot));
      const local = parent === undefined ? null : path.join(into, path.basename(parent));
      await prove(arrived, {
        ...(await announcedBy(snapshot)),
        parent: local && (await showSubvolume(local)).uuid,
      });
      expect((await showSubvolume(arrived)).readOnly).toBe(true);
      expect(describeTree(arrived)).toEqual(describeTree(snapshot));
      parent = snapshot;
    }
    // The mounts of this process are what they were.
    writeFileSync(destination.at('writable'), '');
  });

  test('mounted by subvol=, with clone sources that lie elsewhere', async () => {
    const source = withBtrfs();
    const [first = '', second = '', third = ''] = chain(source);
    const destination = withBtrfs();
    destination.subvolume('sub');
    destination.remount('subvol=sub');
    for (const name of ['a', 'b', 'c d']) mkdirSync(destination.at(name));
    await received(destination.at('a'), await sent({ snapshot: first }));
    await received(destination.at('b'), await sent({ snapshot: second }));
    const stream = await sent({ snapshot: third, parent: first, cloneSources: [second] });
    expect(await received(destination.at('c d'), stream)).toMatchObject({ stderr: [] });
    expect(describeTree(destination.at('c d/third'))).toEqual(describeTree(third));
  });

  test('protocol 2 arrives with compressed data as it is stored', async () => {
    const source = withBtrfs({ mountOptions: 'compress-force=zstd' });
    const [first = ''] = chain(source);
    const plain = await sent({ snapshot: first });
    const stored = await sent({ snapshot: first, protocol: 2, compressedData: true });
    expect(stored.length).toBeLessThan(plain.length / 2);
    expect(stored.readUInt32LE(13)).toBe(2);
    const destination = withBtrfs();
    await received(destination.mount, stored);
    expect(describeTree(destination.at('first'))).toEqual(describeTree(first));
    expect((await sent({ snapshot: first, noData: true })).length).toBeLessThan(100_000);
  });

  test('names that are not UTF-8 pass through every command', async () => {
    const source = withBtrfs();
    const destination = withBtrfs();
    const name = Buffer.from([0x20, 0xff, 0x25, 0x73, 0x0a]);
    source.subvolume('s');
    writeFileSync(Buffer.concat([Buffer.from(source.at('s/')), Buffer.from([0xfe])]), 'x');
    source.snapshot('s', name);
    const snapshot = Buffer.concat([Buffer.from(source.at('x').slice(0, -1)), name]);
    const into = Buffer.concat([Buffer.from(destination.at('x').slice(0, -1)), name]);
    mkdirSync(into);
    const identity = await announcedBy(snapshot);
    await received(into, await sent({ snapshot }));
    const arrived = Buffer.concat([into, Buffer.from('/'), name]);
    await prove(arrived, { ...identity, parent: null });
    expect(describeTree(arrived)).toEqual(describeTree(snapshot));
    expect(describeTree(arrived).join()).toContain('\\\\xfe');
    await renameSubvolume(into, name, Buffer.from([0xfd]));
    await deleteSubvolume(Buffer.concat([into, Buffer.from([0x2f, 0xfd])]));
    expect(readdirSync(into)).toEqual([]);
  });
});
