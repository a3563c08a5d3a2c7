import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Pair } from './comparison.ts';
import { btrferry, type Runtime } from './machine.ts';
import { measure, shell } from './measure.ts';
import { imageSize, run, type Scene } from './scene.ts';

/** A source, and the place for fingerprints of it. */
interface Original {
  readonly scene: Scene;
  /** Bytes of data in the source. */
  readonly size: number;
  readonly snapshot: string;
  /** Makes the snapshot. */
  readonly prepare: () => Promise<void>;
  readonly runtimes: readonly Runtime[];
  readonly signal: AbortSignal;
}

const atMost = { 'zstd-codec': 0.6, 'node:zlib': 0.6 };

/**
 * A fingerprint beside a hash of every file, and the comparison of a copy with it beside rsync. All
 * read from the disk: trees that are worth a fingerprint are larger than the memory.
 */
export function fingerprintPairs({ scene, size, snapshot, prepare, runtimes, signal }: Original) {
  const archive = ({ version }: Runtime) => join(scene.directory, `fingerprint-${version}`);
  const copy = join(scene.at('copied'), 'copy');
  const into = scene.at('copied');
  let hasCopy = false;
  const make = (runtime: Runtime) =>
    btrferry(runtime, 'fingerprint', snapshot, '--to', archive(runtime), '--create');
  const removed = (path: string) => () => {
    run('rm', '-rf', path);
    emptyCache();
  };
  const fingerprint: Omit<Pair, 'name'> = {
    pipeline: 'find s -type f | xargs sha256sum',
    prepare,
    plain: {
      command: shell('find "$1" -type f -print0 | xargs -0 sha256sum >/dev/null', snapshot),
      reset: emptyCache,
    },
    ours: (runtime) => ({
      command: make(runtime),
      reset: removed(archive(runtime)),
      output: archive(runtime),
    }),
    atMost,
  };
  const prepareCopy = async () => {
    await prepare();
    if (hasCopy) return;
    hasCopy = true;
    scene.btrfs('copied', imageSize(size));
    run('btrfs', '-q', 'subvolume', 'create', copy);
    run('rsync', '-aHAX', '--modify-window=-1', `${snapshot}/`, `${copy}/`);
    for (const runtime of runtimes) {
      run('rm', '-rf', archive(runtime));
      await measure(make(runtime), signal);
    }
  };
  const adopt: Omit<Pair, 'name'> = {
    pipeline: 'rsync -naHAXc s/ copy/',
    prepare: prepareCopy,
    plain: {
      command: shell('rsync -naHAXc "$1/" "$2/"', snapshot, copy),
      reset: emptyCache,
    },
    ours: (runtime) => ({
      command: btrferry(
        runtime,
        ...['adopt', archive(runtime), '--copy', copy, '--into', into],
        ...['--repair-metadata', '--dry-run'],
      ),
      reset: emptyCache,
    }),
    atMost,
  };
  return { fingerprint, adopt };
}

function emptyCache(): void {
  run('sync');
  writeFileSync('/proc/sys/vm/drop_caches', '3');
}
