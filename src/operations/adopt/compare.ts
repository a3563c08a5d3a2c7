import type { StoredFingerprint } from '../../archive/read/fingerprints.ts';
import { Failure } from '../../failure/failure.ts';
import { byteString } from '../../names/byte-string.ts';
import { type DifferenceKind, isOfAttributes } from '../../names/difference.ts';
import { shellWord } from '../../names/shell.ts';
import { streamText } from '../../names/title.ts';
import { AttributeCommands } from '../../tree/attribute-commands.ts';
import { type Both, type Difference, differenceOf } from '../../tree/difference.ts';
import { type Entry, pathKey } from '../../tree/entry.ts';
import { walk } from '../../tree/walk.ts';
import { FramePool } from '../../zstd/pool.ts';
import { treeIn } from '../archives/tree.ts';
import { Meter } from '../meter.ts';
import type { Context } from '../operation.ts';
import { type FrozenCopy, nestedFailure, usable } from './copy.ts';

/** The outcome of the comparison of a copy with a fingerprint. */
export interface Comparison {
  /** The way from the copy to the snapshot. */
  readonly difference: Difference;
  readonly attributes: AttributeCommands;
  /** Number of paths at which they differ, and whether new attributes would mend all of them. */
  readonly differences: number;
  readonly ofAttributes: boolean;
  /** Entries of the copy, and bytes of contents that were read. */
  readonly entries: number;
  readonly bytes: number;
}

/**
 * Reads a copy, and compares it with a fingerprint. Reports each path at which they differ.
 *
 * @param copy path as the user named it
 */
export async function compare(
  frozen: FrozenCopy,
  copy: string,
  stored: StoredFingerprint,
  { emit, signal }: Context,
): Promise<Comparison> {
  const { fingerprint, called } = stored;
  const { blockSize, tree } = fingerprint;
  emit({ type: 'stream-begun', action: 'compare', stream: called, index: 1, count: 1 });
  const meter = new Meter('compare', called, emit);
  meter.total = tree.bytes;
  let [entries, bytes] = [0, 0];
  const found = walk(frozen.path, {
    blockSize,
    signal,
    onProgress(count, length) {
      [entries, bytes] = [count, length];
      meter.advance(length, 0);
    },
  });
  const pool = new FramePool({ workers: 1, signal });
  const attributes = new AttributeCommands();
  let [differences, ofAttributes] = [0, true];
  const nested = new Set<string>();
  const onFound = (path: Buffer, kinds: readonly DifferenceKind[]) => {
    if (nested.has(pathKey(path))) throw nestedFailure(copy, path);
    differences++;
    ofAttributes &&= isOfAttributes(kinds);
    emit({ type: 'difference', path: byteString(path), kinds });
  };
  try {
    const takeAttributes = (both: Both) => attributes.add(both);
    const listener = { onFound, takeAttributes };
    const here = noting(usable(found, copy), nested);
    const difference = await differenceOf(here, treeIn(stored, pool), blockSize, listener);
    meter.done(copy);
    return { difference, attributes, differences, ofAttributes, entries, bytes };
  } finally {
    await pool.close();
  }
}

/** Passes entries on, and notes the paths of nested subvolumes. */
async function* noting(entries: AsyncIterable<Entry>, nested: Set<string>): AsyncGenerator<Entry> {
  for await (const entry of entries) {
    if (entry.kind === 'subvolume') nested.add(pathKey(entry.path));
    yield entry;
  }
}

/** The failure of a copy that is not the snapshot, with what mends it. */
export function copyDiffers(
  { differences, ofAttributes }: Comparison,
  { called, fingerprint }: StoredFingerprint,
  copy: string,
): Failure {
  const paths = differences === 1 ? '1 path' : `${differences} paths`;
  const path = fingerprint.source.path;
  const source = typeof path === 'string' ? path : '<snapshot>';
  return new Failure('copy-differs', `${copy} differs from ${streamText(called)} at ${paths}`, {
    hint: ofAttributes
      ? 'add --repair-metadata: only modes, owners, times or extended attributes differ'
      : `bring it up to date: rsync -aHAXc --delete --modify-window=-1 ${shellWord(Buffer.from(`${source}/`))} ${shellWord(Buffer.from(`${copy}/`))}; or carry a fingerprint of the copy to the source, and export --onto it`,
    where: { path: copy, uuid: called.uuid },
  });
}
