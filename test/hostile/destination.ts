import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, openSync, readSync, writeFileSync } from 'node:fs';
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
    const subvolumes = execFileSync('btrfs', list, { encoding: 'utf8' }).split('\n');
    const trees = [btrfs.mount, elsewhere].flatMap((tree) => describeTree(tree));
    if (!loose) return [...subvolumes, ...trees];
    return [...subvolumes, ...trees.map((line) => line.replace(/^("into" .*) mtime=\d+/, '$1'))];
  };
  return { btrfs, into, outside: { here, elsewhere }, state };
}

/** Tells which commands of btrfs were run. */
export interface Watch {
  /** To be put first in PATH. */
  readonly programs: string;
  /** The arguments of each call since this was asked last, in order. */
  calls(): string[];
}

/**
 * A program called `btrfs` that tells of each call and then becomes the real one. It tells
 * through a named pipe, since a confined `btrfs receive` can't write to any file.
 */
export function watchBtrfs(): Watch {
  const programs = withDirectory();
  const pipe = join(programs, 'calls');
  execFileSync('mkfifo', [pipe]);
  const real = spawnSync('sh', ['-c', 'command -v btrfs'], { encoding: 'utf8' }).stdout.trim();
  const shim = join(programs, 'btrfs');
  writeFileSync(shim, `#!/bin/sh\nprintf '%s\\n' "$*" >'${pipe}'\nexec '${real}' "$@"\n`);
  chmodSync(shim, 0o755);
  // For reading and writing, so that it neither waits for a writer nor ever ends.
  const descriptor = openSync(pipe, 'r+');
  const buffer = Buffer.alloc(2 ** 20);
  return {
    programs,
    calls() {
      // A line of its own makes sure that there is something to read.
      writeFileSync(descriptor, '\n');
      const length = readSync(descriptor, buffer);
      return buffer.toString('utf8', 0, length).split('\n').filter(Boolean);
    },
  };
}

/** Whether one of these calls began to receive. */
export function received(calls: readonly string[]): boolean {
  return calls.some((call) => call.split(' ').includes('receive'));
}
