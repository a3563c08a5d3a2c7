import { execFileSync } from 'node:child_process';
import { appendFileSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import type { Manifest } from '../../src/manifest/schema.ts';
import { type Btrfs, describeReal, describeTree, withBtrfs, withDirectory } from '../filesystem.ts';
import { eventsIn, fails, succeeds } from '../program.ts';
import { everythingAt, inStream, makeChain, published } from './chainlet.ts';

const manifestOf = (archive: string, name: string) =>
  JSON.parse(readFileSync(inStream(archive, name, 'manifest.json'), 'utf8')) as Manifest;

const parentIn = (archive: string, name: string) => manifestOf(archive, name).parent?.name ?? null;

const btrfs = (...args: string[]) => execFileSync('btrfs', args).toString();

const deleteSubvolume = (at: string) => btrfs('-q', 'subvolume', 'delete', at);

const setReadOnly = (at: string, value: boolean) =>
  btrfs('property', 'set', '-f', at, 'ro', `${value}`);

function expectEqual(source: Btrfs, destination: Btrfs, names: readonly string[]): void {
  for (const name of names) {
    expect(describeTree(destination.at(name)), name).toEqual(describeTree(source.at(name)));
  }
}

/** A source that goes on: each call makes the next snapshot of `home`. */
function living() {
  const source = withBtrfs();
  makeChain(source);
  const next = (name: string) => {
    appendFileSync(source.at('home/dir/file'), `${name}\n`);
    return source.snapshot('home', name);
  };
  return { source, next };
}

describeReal('round after round', () => {
  test('each brings only what is new, and the drive learns what the destination has', async () => {
    const { source, next } = living();
    const destination = withBtrfs();
    const drive = withDirectory();
    const at = (...names: string[]) => names.map((name) => source.at(name));

    await succeeds('export', ...at('two', 'one'), '--to', drive);
    const first = await succeeds('import', drive, '--into', destination.mount);
    expect(first.stdout).toMatch(/^received 2 streams, /);
    const twice = await succeeds('import', drive, '--into', destination.mount);
    expect(twice.stdout).toBe('nothing to receive; 2 there already\n');

    const before = published(drive);
    const again = await succeeds('export', ...at('one', 'two'), '--to', drive);
    expect(again.stdout).toBe('nothing to export; 2 there already\n');
    expect(published(drive)).toEqual(before);

    next('four');
    const second = await succeeds('export', ...at('one', 'two', 'three', 'four'), '--to', drive);
    expect(second.stdout).toMatch(/^exported 2 snapshots, .*; 2 there already\n$/);
    expect([parentIn(drive, 'three'), parentIn(drive, 'four')]).toEqual(['two', 'three']);
    const arrived = await succeeds('import', drive, '--into', destination.mount);
    expect(arrived.stdout).toMatch(/^received 2 streams, .*; 2 there already\n$/);
    expectEqual(source, destination, ['one', 'two', 'three', 'four']);

    const [receipt = ''] = readdirSync(path.join(drive, 'receipts'));
    const { subvolumes } = JSON.parse(
      readFileSync(path.join(drive, 'receipts', receipt), 'utf8'),
    ) as { subvolumes: { path: string; uuid: string; sendTransid: string }[] };
    const received = subvolumes.map(({ path: name, uuid, sendTransid }) => [
      name,
      uuid,
      sendTransid,
    ]);
    const announced = ['one', 'two', 'three', 'four'].map((name) => {
      const { uuid, ctransid } = manifestOf(drive, name).identity;
      return [name, uuid, ctransid];
    });
    expect(received.sort()).toEqual(announced.sort());
  });

  test('a second drive starts from a parent that only the destination has', async () => {
    const { source, next } = living();
    const destination = withBtrfs();
    const [first, second] = [withDirectory(), withDirectory()];
    await succeeds('export', source.at('one'), source.at('two'), '--to', first);
    await succeeds('import', first, '--into', destination.mount);
    const four = next('four');
    const explicit = ['--parent', source.at('two')];
    const ran = await succeeds('export', four, source.at('three'), '--to', second, ...explicit);
    const { uuid, ctransid } = manifestOf(first, 'two').identity;
    expect(ran.stderr).toContain(
      `warning: the archive cannot restore the parent ${source.at('two')}\n` +
        `hint: the destination must already have it: received UUID ${uuid}, ctransid ${ctransid}\n`,
    );
    expect(parentIn(second, 'three')).toBe('two');
    expect(parentIn(second, 'four')).toBe('three');

    const elsewhere = withBtrfs();
    const before = everythingAt(elsewhere);
    await fails(['import', second, '--into', elsewhere.mount], {
      exit: 5,
      code: 'parent-missing',
      where: { uuid, file: expect.stringMatching(/^streams\/three\./) },
    });
    expect(everythingAt(elsewhere)).toEqual(before);
    await succeeds('import', second, '--into', destination.mount);
    expectEqual(source, destination, ['one', 'two', 'three', 'four']);
    await succeeds('import', second, first, '--into', elsewhere.mount);
    expectEqual(source, elsewhere, ['one', 'two', 'three', 'four']);
  });
});

describeReal('the chosen parent', () => {
  test('is the newest related snapshot that the archive restores and the source still has', async () => {
    const { source, next } = living();
    source.subvolume('other');
    const other = source.snapshot('other', 'unrelated');
    const archive = withDirectory();
    const chain = ['one', 'two', 'three'].map(source.at);
    await succeeds('export', ...chain, other, '--to', archive);
    expect(parentIn(archive, 'unrelated')).toBe(null);

    // It is known by its UUID, wherever it lies; one that is gone is no parent any more.
    deleteSubvolume(source.at('three'));
    renameSync(source.at('two'), source.at('two renamed'));
    await succeeds('export', next('four'), '--to', archive);
    expect(parentIn(archive, 'four')).toBe('two renamed');

    await succeeds('export', next('five'), '--to', archive, '--parent', 'none');
    expect(manifestOf(archive, 'five')).toMatchObject({ kind: 'full', parent: null });

    // A stream that another one's loss has made useless is no parent either.
    const fresh = withDirectory();
    await succeeds('export', source.at('one'), '--to', fresh);
    const orphan = ['--parent', source.at('two renamed')];
    await succeeds('export', source.at('four'), '--to', fresh, ...orphan);
    const dry = await succeeds('export', next('six'), '--to', fresh, '--dry-run');
    expect(dry.stdout).toMatch(/from one /);

    const destination = withBtrfs();
    await succeeds('import', archive, '--into', destination.mount);
    expectEqual(source, destination, ['one', 'four', 'five', 'unrelated']);
    expect(describeTree(destination.at('two'))).toEqual(describeTree(source.at('two renamed')));
  });

  test('is not a snapshot that was changed after its export', async () => {
    const { source, next } = living();
    const archive = withDirectory();
    const destination = withBtrfs();
    await succeeds('export', ...['one', 'two', 'three'].map(source.at), '--to', archive);
    await succeeds('import', archive, '--into', destination.mount);

    const three = source.at('three');
    setReadOnly(three, false);
    writeFileSync(path.join(three, 'changed'), 'after the export');
    const four = next('four');
    await fails(['export', four, '--to', archive, '--parent', three], {
      exit: 6,
      code: 'not-read-only',
      where: { path: three },
      hint: `snapshot -r ${three}`,
    });
    setReadOnly(three, true);
    const before = published(archive);
    await fails(['export', four, '--to', archive, '--parent', three], {
      exit: 6,
      code: 'parent-changed',
      where: { path: three },
      hint: `use --parent ${source.at('two')}`,
    });
    await fails(['export', three, '--to', archive], {
      exit: 1,
      code: 'archive-conflict',
      where: { path: three },
      hint: `btrfs subvolume snapshot -r ${three}`,
    });
    expect(published(archive)).toEqual(before);

    const ran = await succeeds('export', four, '--to', archive);
    expect(ran.stderr).toMatch(/^warning: .*three cannot be a parent/m);
    expect(parentIn(archive, 'four')).toBe('two');
    await succeeds('import', archive, '--into', destination.mount);
    expectEqual(source, destination, ['one', 'two', 'four']);
  });

  test('can be a snapshot of the same export, and so can a clone source', async () => {
    const { source } = living();
    source.subvolume('library');
    writeFileSync(source.at('library/book'), 'small');
    source.snapshot('library', 'library.1');
    execFileSync('cp', ['--reflink=always', source.at('home/large'), source.at('library/copy')]);
    source.snapshot('library', 'library.2');
    const archive = withDirectory();
    const asked = ['three', 'library.2', 'one', 'library.1', 'two'].map(source.at);
    const clones = ['--clone-source', source.at('two'), '--clone-source', source.at('three')];
    const told = eventsIn(await succeeds('export', ...asked, ...clones, '--to', archive, '--json'));
    expect(told.filter(({ type }) => type === 'warning')).toEqual([]);
    expect(manifestOf(archive, 'library.1')).toMatchObject({ kind: 'full', cloneSources: [] });
    expect(manifestOf(archive, 'library.2').parent?.name).toBe('library.1');
    const destination = withBtrfs();
    await succeeds('import', archive, '--into', destination.mount);
    expectEqual(source, destination, ['one', 'two', 'three', 'library.1', 'library.2']);

    // The clone source must be present.
    const partly = withDirectory();
    const changed = source.at('library/copy');
    execFileSync('cp', ['--reflink=always', source.at('three/small'), changed]);
    source.snapshot('library', 'library.3');
    await succeeds('export', source.at('library.2'), '--to', partly);
    const ran = await succeeds('export', source.at('library.3'), ...clones, '--to', partly);
    expect(ran.stderr).toContain(`cannot restore the clone source ${source.at('three')}`);
    const needed = manifestOf(partly, 'library.3').cloneSources;
    expect(needed.length).toBeGreaterThan(0);
    const elsewhere = withBtrfs();
    const before = everythingAt(elsewhere);
    await fails(['import', partly, '--into', elsewhere.mount], {
      exit: 5,
      code: 'parent-missing',
      where: { file: expect.stringMatching(/^streams\/library\.3\./), uuid: expect.any(String) },
    });
    expect(everythingAt(elsewhere)).toEqual(before);
    await succeeds('import', partly, archive, '--into', elsewhere.mount);
    expectEqual(source, elsewhere, ['three', 'library.2', 'library.3']);
  });
});

describeReal('from machine to machine', () => {
  test('a received snapshot is sent on, with the snapshots made from it', async () => {
    const { source: a, next } = living();
    const [b, c] = [withBtrfs(), withBtrfs()];
    const [toB, toC] = [withDirectory(), withDirectory()];
    const names = ['one', 'two', 'three'];
    await succeeds('export', ...names.map(a.at), '--to', toB);
    await succeeds('import', toB, '--into', b.mount);

    b.snapshot('three', 'working', { writable: true });
    writeFileSync(b.at('working/made at b'), 'here');
    b.snapshot('working', 'four');
    await succeeds('export', ...['four', ...names].map(b.at), '--to', toC);
    expect(['one', 'two', 'three', 'four'].map((name) => parentIn(toC, name))).toEqual([
      null,
      'one',
      'two',
      'three',
    ]);
    // It still is the snapshot of the first.
    for (const name of names) {
      expect(manifestOf(toC, name).identity.uuid).toBe(manifestOf(toB, name).identity.uuid);
    }
    await succeeds('import', toC, '--into', c.mount);
    expectEqual(a, c, names);
    expectEqual(b, c, [...names, 'four']);

    const back = await succeeds('export', ...names.map(b.at), '--to', toB);
    expect(back.stdout).toBe('nothing to export; 3 there already\n');

    // And what the first sends next, the last can receive.
    next('five');
    await succeeds('export', a.at('five'), '--to', toB);
    expect(parentIn(toB, 'five')).toBe('three');
    // B counts otherwise: only its receipt, or the archive that it wrote, tells what is the same.
    const receipts = path.join(toB, 'receipts');
    renameSync(receipts, `${toB}.receipts`);
    await fails(['import', toB, '--into', c.mount], {
      exit: 6,
      code: 'destination-unfit',
      where: { path: 'one', expected: 'ctransid 7' },
    });
    const both = await succeeds('import', toB, toC, '--into', c.mount, '--dry-run');
    expect(both.stdout).toMatch(/five/);
    renameSync(`${toB}.receipts`, receipts);
    const direct = await succeeds('import', toB, '--into', c.mount);
    expect(direct.stdout).toMatch(/^received 1 stream, .*; 3 there already\n$/);
    expect(direct.stderr).not.toMatch(/^warning/m);
    expectEqual(a, c, ['five']);
  });
});
