import type { Manifest, ManifestPart } from '../../manifest/schema.ts';
import { type StreamName, titleOf } from '../../names/title.ts';
import type { GraphStream, Requirement } from '../graph/graph.ts';
import type { StreamSource } from './source.ts';

/** Bytes that are stored in parts: a stream, or the lines of a fingerprint. */
export interface StoredParts {
  readonly source: StreamSource;
  /** UUID of the snapshot. */
  readonly uuid: string;
  readonly manifest: {
    readonly parts: readonly ManifestPart[];
    readonly stream: { readonly length: number; readonly framesXxh64: string };
  };
}

/** A published stream, as the graph of streams needs it and with the way to its files. */
export interface StoredStream extends GraphStream, StoredParts {
  readonly manifest: Manifest;
  readonly called: StreamName;
}

/** Derives the states that a stream brings and requires from its manifest. */
export function storedStream(source: StreamSource, manifest: Manifest): StoredStream {
  return {
    source,
    manifest,
    ...manifest.identity,
    filesystem: manifest.source.filesystem,
    called: {
      name: manifest.name,
      title: titleOf(manifest.name, manifest.source.path),
      uuid: manifest.identity.uuid,
    },
    requires: requirementsOf(manifest),
    storedBytes: manifest.parts.reduce((sum, part) => sum + part.length, 0),
  };
}

function requirementsOf({ parent, cloneSources, source }: Manifest): Requirement[] {
  const named = parent === null ? cloneSources : [parent, ...cloneSources];
  return named.map((requirement) => ({ filesystem: source.filesystem, ...requirement }));
}

/** Orders streams by age: by creation within one filesystem, otherwise by the time of the export. */
export function byAge(a: StoredStream, b: StoredStream): number {
  const [left, right] = [a.manifest, b.manifest];
  const [here, there] = [left.source.filesystem, right.source.filesystem];
  const [created, createdLater] = [left.source.creationGeneration, right.source.creationGeneration];
  if (here !== null && here === there && created !== null && createdLater !== null) {
    const age = compareNumbers(created, createdLater);
    if (age !== 0) return age;
  }
  if (left.createdAt !== right.createdAt) return left.createdAt < right.createdAt ? -1 : 1;
  return a.source.directory < b.source.directory ? -1 : 1;
}

/** Compares decimal numbers of any length without leading zeros. */
function compareNumbers(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : Number(a > b);
}
