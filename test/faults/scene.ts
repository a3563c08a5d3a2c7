import { rmSync } from 'node:fs';
import path from 'node:path';
import { type Btrfs, withBtrfs, withDirectory } from '../filesystem.ts';
import { type Contents, contentsOf } from './archive.ts';
import { type Chain, makeChain } from './chain.ts';
import { eventsOf, type Ran, succeeds } from './runs.ts';

/** A chain, and what an undisturbed export and import of it are like. */
export interface Scene {
  readonly source: Btrfs;
  readonly chain: Chain;
  /** Options of every export. */
  readonly options: readonly string[];
  /** An archive that nothing disturbed. */
  readonly archive: string;
  readonly contents: Contents;
  /** How that ended. */
  readonly exported: Ran;
  /** Bytes stored of all streams. */
  readonly stored: number;
  /** How long they took, milliseconds. */
  readonly exportTime: number;
  readonly importTime: number;
  readonly exportTo: (archive: string) => string[];
  readonly importInto: (directory: string) => string[];
  remove(): void;
}

export interface SceneOptions {
  /** Of the first stream. */
  readonly mebibytes: number;
  readonly seed: number;
  /** Options of every export; the default makes the first stream a dozen of files. */
  readonly options?: readonly string[];
  /** Of the source. */
  readonly mountOptions?: string;
}

export async function makeScene({
  mebibytes,
  seed,
  options = ['--max-part-size', '3M'],
  mountOptions = 'noatime',
}: SceneOptions): Promise<Scene> {
  const source = withBtrfs({ size: 2 ** 30, mountOptions });
  const chain = makeChain(source.mount, { mebibytes, seed });
  const directory = withDirectory();
  const archive = path.join(directory, 'undisturbed');
  const exportTo = (to: string) => ['export', ...chain.snapshots, '--to', to, ...options];
  const importInto = (into: string) => ['import', archive, '--into', into];
  const exported = await succeeds(...exportTo(archive));
  const destination = withBtrfs({ size: 2 ** 30 });
  const imported = await succeeds(...importInto(destination.mount));
  destination.remove();
  return {
    source,
    chain,
    options,
    archive,
    contents: contentsOf(archive),
    exported,
    stored: eventsOf(exported, 'stream-done').reduce((sum, done) => sum + done.stored, 0),
    exportTime: 1000 * exported.seconds,
    importTime: 1000 * imported.seconds,
    exportTo,
    importInto,
    remove() {
      source.remove();
      rmSync(directory, { recursive: true });
    },
  };
}
