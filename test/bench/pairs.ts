import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Circumstances, Pair, Step } from './comparison.ts';
import { writeMixture } from './content.ts';
import { copyPairs } from './copies.ts';
import { fingerprintPairs } from './fingerprints.ts';
import { btrferry, type Runtime } from './machine.ts';
import { measure, shell } from './measure.ts';
import { imageSize, run, type Scene } from './scene.ts';

export const pairNames = [
  'export',
  'export-compressed',
  'import',
  'verify',
  'verify-quick',
  'copy',
  'copy-tar',
  'copy-s3',
  'fingerprint',
  'adopt',
] as const;

/** The files of a pair. */
export interface Material extends Circumstances {
  readonly scene: Scene;
  /** Bytes of data in each source. */
  readonly size: number;
}

/** The pairs of these names, in an order in which later ones read what earlier ones wrote. */
export function pairsNamed(names: ReadonlySet<string>, material: Material): Pair[] {
  const plain = exporting(material, 'plain', undefined);
  const compressed = exporting(material, 'compressed', 'compress=zstd');
  const { scene } = material;
  // Each import finds the same: a filesystem on which nothing ever was.
  const fresh = () => void scene.btrfs('destination', imageSize(material.size));
  const into = scene.at('destination');
  const nothing = () => {};
  const read = { file: plain.file, archive: plain.archive, prepare: plain.prepareFiles };
  const all: Record<(typeof pairNames)[number], Omit<Pair, 'name'>> = {
    export: { ...plain.pair, atMost: { 'zstd-codec': 1.25, 'node:zlib': 1 } },
    'export-compressed': {
      ...compressed.pair,
      atMost: { 'zstd-codec': 0.5, 'node:zlib': 0.5 },
    },
    import: {
      pipeline: 'zstd -dc f | btrfs receive d; sync -f d',
      prepare: read.prepare,
      plain: {
        command: shell('zstd -qdc "$1" | btrfs -q receive "$2"; sync -f "$2"', read.file, into),
        reset: fresh,
      },
      ours: (runtime) => ({
        command: btrferry(runtime, 'import', read.archive(runtime), '--into', into),
        reset: fresh,
      }),
      atMost: { 'zstd-codec': 1.05, 'node:zlib': 1 },
    },
    verify: {
      pipeline: 'zstd -t f',
      prepare: read.prepare,
      plain: { command: ['zstd', '-qt', read.file], reset: nothing },
      ours: (runtime) => ({
        command: btrferry(runtime, 'verify', read.archive(runtime)),
        reset: nothing,
      }),
      atMost: { 'zstd-codec': 1.5, 'node:zlib': 0.8 },
    },
    'verify-quick': {
      pipeline: 'sha256sum f',
      prepare: read.prepare,
      plain: { command: ['sha256sum', read.file], reset: nothing },
      ours: (runtime) => ({
        command: btrferry(runtime, 'verify', '--quick', read.archive(runtime)),
        reset: nothing,
      }),
      atMost: { 'zstd-codec': 1, 'node:zlib': 1 },
    },
    ...fingerprintPairs({ ...material, snapshot: plain.snapshot, prepare: plain.pair.prepare }),
    ...copyPairs({ ...read, scene, plain: read.archive(material.runtimes[0] as Runtime) }),
  };
  return pairNames.filter((name) => names.has(name)).map((name) => ({ name, ...all[name] }));
}

/** An export of one source, and the files that it and the plain pipeline make. */
function exporting(
  { scene, size, runtimes, signal, say }: Material,
  name: string,
  mountOptions: string | undefined,
) {
  const files = join(scene.directory, name);
  const file = join(files, 'plain.zst');
  const archive = ({ version }: Runtime) => join(files, `node-${version}`);
  const source = scene.at(name);
  const snapshot = join(source, 'snapshot');
  const removed = (path: string) => () => rmSync(path, { recursive: true, force: true });

  const prepare = async () => {
    if (existsSync(snapshot)) return;
    say(`making the source: ${name}`);
    mkdirSync(files, { recursive: true });
    scene.btrfs(name, imageSize(size), mountOptions);
    run('btrfs', '-q', 'subvolume', 'create', join(source, 'data'));
    await writeMixture(join(source, 'data'), size, signal);
    run('btrfs', '-q', 'subvolume', 'snapshot', '-r', join(source, 'data'), snapshot);
    // A file that was just written would come from memory the first time only.
    scene.remount(name, mountOptions);
  };
  const plain: Step = {
    command: shell('btrfs -q send "$1" | zstd -q -3 -T0 > "$2"; sync "$2"', snapshot, file),
    reset: removed(file),
    output: file,
  };
  const ours = (runtime: Runtime): Step => ({
    command: btrferry(runtime, 'export', snapshot, '--create', '--to', archive(runtime)),
    reset: removed(archive(runtime)),
    output: archive(runtime),
  });
  /** Exports without measuring, where a comparison of exports did not do it. */
  const prepareFiles = async () => {
    await prepare();
    say('making what is read');
    if (!existsSync(file)) await measure(plain.command, signal);
    for (const runtime of runtimes) {
      if (!existsSync(archive(runtime))) await measure(ours(runtime).command, signal);
    }
  };
  const pipeline = 'btrfs send s | zstd -3 -T0 > f; sync f';
  return { file, snapshot, archive, prepareFiles, pair: { pipeline, prepare, plain, ours } };
}
