import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Btrfs, describeTree, withBtrfs, withDirectory } from '../filesystem.ts';

/** A destination that is watched: nothing but what an import may do must happen to it. */
export interface Destination {
  readonly btrfs: Btrfs;
  /** Where streams are received. */
  readonly into: string;
  /** A tree on the same filesystem, and one on another, that no stream may touch. */
  readonly outside: { readonly here: string; readonly elsewhere: string };
  /**
   * Everything there is: trees, and all subvolumes with their UUIDs. `loose`: without the time
   * of the directory to receive into, which a temporary subvolume changes.
   */
  state(loose?: boolean): string[];
}

export function withDestination(): Destination {
  const btrfs = withBtrfs();
  const [into, here] = [btrfs.at('into'), btrfs.at('outside')];
  const elsewhere = withDirectory();
  mkdirSync(into);
  mkdirSync(here);
  for (const directory of [here, elsewhere]) {
    writeFileSync(join(directory, 'sentinel'), 'whole');
    mkdirSync(join(directory, 'inner'));
    writeFileSync(join(directory, 'inner', 'sentinel'), 'whole as well');
  }
  const state = (loose = false) => {
    const list = ['subvolume', 'list', '-u', '-q', '-R', btrfs.mount];
    const subvolumes = execFileSync('btrfs', list, { encoding: 'utf8' })
      .replace(/^(ID \d+) gen \d+/gm, '$1')
      .split('\n');
    const trees = [btrfs.mount, elsewhere].flatMap((tree) => describeTree(tree));
    if (!loose) return [...subvolumes, ...trees];
    return [...subvolumes, ...trees.map((line) => line.replace(/^("into" .*) mtime=\d+/, '$1'))];
  };
  return { btrfs, into, outside: { here, elsewhere }, state };
}

/** Tells which commands of btrfs were run, and what was fed to `btrfs receive`. */
export interface Watch {
  /** To be put first in PATH. */
  readonly programs: string;
  /** The arguments of each call since this was asked last, in order. */
  calls(): string[];
  /** Collects what the next `btrfs receive` gets on its stdin; `stop` where there will be none. */
  feed(): { readonly bytes: Promise<Buffer>; stop(): void };
}

/**
 * A program called `btrfs` that tells of each call and then becomes the real one. It tells
 * through named pipes, since a confined `btrfs receive` can't write to any file.
 */
export function watchBtrfs(): Watch {
  const programs = withDirectory();
  const [calls, feed] = ['calls', 'feed'].map((name) => join(programs, name)) as [string, string];
  execFileSync('mkfifo', [calls, feed]);
  const real = spawnSync('sh', ['-c', 'command -v btrfs'], { encoding: 'utf8' }).stdout.trim();
  const shim = join(programs, 'btrfs');
  writeFileSync(
    shim,
    `#!/bin/bash
printf '%s\\n' "$*" >'${calls}'
case "$* $(ls '${programs}')" in
*' receive '*feed.wanted*) exec '${real}' "$@" < <(exec tee -p '${feed}') ;;
*) exec '${real}' "$@" ;;
esac
`,
  );
  chmodSync(shim, 0o755);
  // For reading and writing, so that it neither waits for a writer nor ever ends.
  const descriptor = openSync(calls, 'r+');
  const buffer = Buffer.alloc(2 ** 20);
  return {
    programs,
    calls() {
      // A line of its own makes sure that there is something to read.
      writeFileSync(descriptor, '\n');
      const length = readSync(descriptor, buffer);
      return buffer.toString('utf8', 0, length).split('\n').filter(Boolean);
    },
    feed() {
      writeFileSync(`${feed}.wanted`, '');
      const child = spawn('cat', [feed], { stdio: ['ignore', 'pipe', 'inherit'] });
      const pieces: Buffer[] = [];
      child.stdout.on('data', (piece) => pieces.push(piece));
      const bytes = once(child, 'close').then(() => {
        rmSync(`${feed}.wanted`);
        return Buffer.concat(pieces);
      });
      return { bytes, stop: () => void child.kill() };
    },
  };
}

/** Whether one of these calls began to receive. */
export function received(calls: readonly string[]): boolean {
  return calls.some((call) => call.split(' ').includes('receive'));
}
