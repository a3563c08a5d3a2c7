import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import { listSubvolumes, type Subvolume } from '../../src/btrfs/subvolume.ts';
import { describeTree } from '../filesystem.ts';
import type { Chain } from './chain.ts';

const INCOMING = '.btrferry-incoming-';
/** The name of a subvolume while an import receives it. */
const OURS = `${INCOMING}01234567-89ab-cdef-0123-456789abcdef-01234567`;
const uuid = '01234567-89ab-cdef-0123-456789abcdef';

/** The end of a foreign name. */
const incomingNames = ['xyz', 'foreign', `${uuid}.foreign`, uuid.toUpperCase(), ''];

/** All subvolumes of a filesystem, by path. */
export async function subvolumesOf(mount: string): Promise<Record<string, Subvolume>> {
  const all = await listSubvolumes(mount);
  return Object.fromEntries(all.map((one) => [one.path.toString('latin1'), one]));
}

/**
 * The chain has arrived as an undisturbed import leaves it: each snapshot under its name,
 * read-only, with the received UUID of its source, equal in all that is in it; nothing is left
 * over, and nothing is there twice.
 */
export async function expectArrived(
  mount: string,
  chain: Chain,
  names: readonly string[] = chain.names,
): Promise<void> {
  const sources = await subvolumesOf(chain.mount);
  const there = await subvolumesOf(mount);
  for (const name of names) {
    expect(there[name], name).toMatchObject({ readOnly: true, receivedUuid: sources[name]?.uuid });
    expect(describeTree(path.join(mount, name)), name).toEqual(chain.trees[name]);
  }
  expect(leftOvers(mount)).toEqual([]);
  const received = Object.values(there).filter(({ receivedUuid }) => receivedUuid !== null);
  expect(received).toHaveLength(names.length);
}

/**
 * Checks a destination after an import that was disturbed: every subvolume with the name of a
 * snapshot is that snapshot, whole. Returns their number.
 */
export async function expectNothingHalfReceived(mount: string, chain: Chain): Promise<number> {
  const there = await subvolumesOf(mount);
  const found = chain.names.filter((name) => readdirSync(mount).includes(name));
  for (const name of found) {
    expect(there[name], name).toMatchObject({ readOnly: true, receivedUuid: expect.any(String) });
    expect(describeTree(path.join(mount, name)), name).toEqual(chain.trees[name]);
  }
  return found.length;
}

/** Half-received subvolumes of ours. */
export function leftOvers(directory: string): string[] {
  const foreign = incomingNames.map((name) => INCOMING + name);
  return readdirSync(directory).filter(
    (name) =>
      name.startsWith(INCOMING) && !foreign.includes(name) && !name.startsWith(OURS.slice(0, -1)),
  );
}

/**
 * Makes subvolumes that no import may touch, some with names like those that it uses. Gives the
 * check that they are untouched.
 */
export function plantForeign(mount: string): () => void {
  const subvolumes = ['photos', ...incomingNames.map((name) => INCOMING + name)];
  for (const name of subvolumes) {
    btrfs('subvolume', 'create', path.join(mount, name));
    writeFileSync(path.join(mount, name, 'mine'), `of ${name}`);
  }
  btrfs('subvolume', 'snapshot', '-r', path.join(mount, 'photos'), path.join(mount, 'photos.1'));
  // Named as ours, but not at a place where imports leave theirs.
  mkdirSync(path.join(mount, 'directory'));
  btrfs('subvolume', 'create', path.join(mount, 'directory', INCOMING + uuid));
  // Named as ours, and no subvolume.
  mkdirSync(path.join(mount, OURS));
  symlinkSync('photos', path.join(mount, `${OURS.slice(0, -1)}8`));
  btrfs('filesystem', 'sync', mount);
  const planted = [...subvolumes, 'photos.1', 'directory', `directory/${INCOMING}${uuid}`, OURS];
  const describe = () => planted.map((name) => describeTree(path.join(mount, name)));
  const before = describe();
  return () => expect(describe()).toEqual(before);
}

function btrfs(...args: string[]): void {
  execFileSync('btrfs', ['-q', ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
}
