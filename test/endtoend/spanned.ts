import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import { headerDocument, manifestDocument, segmentDocument } from '../../src/manifest/document.ts';
import { type Btrfs, describeTree, withBtrfs } from '../filesystem.ts';
import { copyOf, inStream } from './chainlet.ts';
import { randomFile } from './everything.ts';

/** A drive for about 26 MiB of stream, without the blocks that are kept for root. */
export const small = { size: 40 * 2 ** 20, mkfsOptions: ['-m', '0'] };

/** A source, and snapshots of it: `one`, `two`, which no small drive can hold, and `three`. */
export function makeLargeSource(): { source: Btrfs; snapshots: string[] } {
  const source = withBtrfs();
  source.subvolume('home');
  randomFile(source.at('home/a'), 1_000_000);
  const one = source.snapshot('home', 'one');
  randomFile(source.at('home/large'), 60_000_000);
  const two = source.snapshot('home', 'two');
  randomFile(source.at('home/b'), 1_000_000);
  return { source, snapshots: [one, two, source.snapshot('home', 'three')] };
}

/** Compares what was received with the snapshots. */
export function expectEqual(snapshots: readonly string[], destination: Btrfs): void {
  for (const snapshot of snapshots) {
    const name = path.basename(snapshot);
    expect(describeTree(destination.at(name))).toEqual(describeTree(snapshot));
  }
}

/**
 * Spreads a stream of two parts over two archives, as an export that spans them would: the first gets
 * its first part and a segment, the second the other part and the manifest.
 */
export function spread(archive: string, name: string, framesXxh64: string): [string, string] {
  const [first, last] = [copyOf(archive), copyOf(archive)];
  const label = 'drive 1';
  const header = path.join(first, 'btrferry.json');
  const { sha256: _, ...own } = headerDocument.decode(readFileSync(header), header);
  writeFileSync(header, headerDocument.encode({ ...own, label }));
  const file = inStream(first, name, 'manifest.json');
  const { sha256: __, ...manifest } = manifestDocument.decode(readFileSync(file), file);
  const { receiver: ___, stream, cloneSources, ...announced } = manifest;
  const [part, ...others] = manifest.parts;
  if (part === undefined || others.length !== 1) throw new Error('not two parts');
  const segment = segmentDocument.encode({
    ...announced,
    format: 'btrferry/segment',
    features: ['spanned'],
    cloneSources,
    stream: { protocol: stream.protocol, length: part.streamLength, framesXxh64 },
    parts: [part],
    span: { number: 1, next: { id: null, label: 'drive 2' } },
  });
  writeFileSync(inStream(first, name, 'segment.json'), segment);
  const aside = path.join(path.dirname(first), 'aside');
  mkdirSync(aside);
  renameSync(file, path.join(aside, 'manifest.json'));
  renameSync(inStream(first, name, '0002.btrfs.zst'), path.join(aside, '0002'));
  renameSync(inStream(last, name, '0001.btrfs.zst'), path.join(aside, '0001'));
  const parts = [{ ...part, medium: { id: own.id, label } }, ...others];
  const spanned = manifestDocument.encode({ ...manifest, features: ['spanned'], parts });
  writeFileSync(inStream(last, name, 'manifest.json'), spanned);
  return [first, last];
}
