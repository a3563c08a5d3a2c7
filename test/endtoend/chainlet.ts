import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import { type Btrfs, describeTree, withBtrfs, withDirectory } from '../filesystem.ts';
import { succeeds } from '../program.ts';
import { randomFile } from './everything.ts';

/** A short chain, `one`, `two` and `three`, and the archive of it, for tests to spoil. */
export interface Chainlet {
  readonly source: Btrfs;
  /** Whole; not to be changed. */
  readonly archive: string;
  /** Paths of the snapshots, oldest first. */
  readonly snapshots: readonly string[];
}

export const names = ['one', 'two', 'three'] as const;
export type Name = (typeof names)[number];

/** Makes `subvolume` and its snapshots; the second brings more than one frame of the stream. */
export function makeChain(fs: Btrfs, subvolume = 'home'): string[] {
  const home = fs.subvolume(subvolume);
  const at = (name: string) => path.join(home, name);
  mkdirSync(at('dir'));
  writeFileSync(at('dir/file'), 'of the first\n');
  randomFile(at('small'), 100_000);
  const one = fs.snapshot(subvolume, 'one');
  randomFile(at('large'), 5_000_000);
  const two = fs.snapshot(subvolume, 'two');
  writeFileSync(at('dir/file'), 'of the third\n');
  return [one, two, fs.snapshot(subvolume, 'three')];
}

/** For `beforeAll`: the source is the caller's to remove. */
export async function makeChainlet(): Promise<Chainlet> {
  const source = withBtrfs();
  const snapshots = makeChain(source);
  const archive = path.join(withDirectory(), 'archive');
  await succeeds('export', ...snapshots, '--to', archive);
  return { source, archive, snapshots };
}

/** Compares the snapshots with what arrived in `where`, a directory of the destination. */
export function expectArrived(
  { source }: Chainlet,
  destination: Btrfs,
  where = '',
  only: readonly string[] = names,
): void {
  for (const name of only) {
    const arrived = describeTree(destination.at(path.join(where, name)));
    expect(arrived, name).toEqual(describeTree(source.at(name)));
  }
}

/** A copy of an archive that may be spoiled. With its modes: cpSync of Node.js 24 loses them. */
export function copyOf(archive: string): string {
  const copy = path.join(withDirectory(), 'archive');
  execFileSync('cp', ['-a', archive, copy]);
  return copy;
}

/** Path of a file or directory of the stream of a snapshot. */
export function inStream(archive: string, name: string, file = ''): string {
  const streams = path.join(archive, 'streams');
  const directory = readdirSync(streams).find((entry) => entry.startsWith(`${name}.`));
  if (directory === undefined) throw new Error(`no stream of ${name} in ${archive}`);
  return path.join(streams, directory, file);
}

/** Subvolumes of a filesystem with all that identifies them, and which are read-only. */
export function subvolumes(fs: Btrfs): string[] {
  const list = (...options: string[]) =>
    execFileSync('btrfs', ['subvolume', 'list', ...options, fs.mount])
      .toString()
      .replace(/ gen \d+/g, '')
      .split('\n')
      .filter(Boolean);
  return [...list('-u', '-q', '-R'), ...list('-r').map((line) => `read-only ${line}`)];
}

/** All that is to be seen of a filesystem: equal before and after when nothing was touched. */
export function everythingAt(fs: Btrfs): string[] {
  return [...subvolumes(fs), ...describeTree(fs.mount)];
}

/** The published files of an archive, and its header. */
export function published(archive: string): string[] {
  return describeTree(archive).filter((line) => /^"(btrferry\.json|streams\/[^.])/.test(line));
}

/** Path of a file or directory that does not exist yet. */
export const fresh = (name = 'target') => path.join(withDirectory(), name);

/** Lines that describe files, without the times at which they were written. */
export const timeless = (lines: readonly string[]) =>
  lines.map((line) => line.replace(/ mtime=\d+/, ''));

/** All stored files of the streams, with their contents. */
export const streamsOf = (archive: string) => timeless(describeTree(path.join(archive, 'streams')));
