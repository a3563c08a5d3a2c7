import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { infoAt } from '../../src/btrfs/subvolume.ts';
import type { DifferenceKind } from '../../src/names/difference.ts';
import { StreamExamination } from '../../src/sendstream/examination.ts';
import type { Summary } from '../../src/sendstream/summary.ts';
import { AttributeCommands } from '../../src/tree/attribute-commands.ts';
import { contentReader } from '../../src/tree/contents.ts';
import { craft } from '../../src/tree/craft.ts';
import { differenceOf } from '../../src/tree/difference.ts';
import { walk } from '../../src/tree/walk.ts';
import type { Btrfs } from '../filesystem.ts';

/** The tree of a directory. */
export const treeOf = (top: string, blockSize: number) =>
  walk(top, { blockSize, signal: new AbortController().signal });

/** A snapshot that `btrfs receive` made from a crafted stream. */
export interface Applied {
  readonly path: string;
  readonly stream: Buffer;
  readonly summary: Summary;
  /** The differences that were found, by path. */
  readonly found: Readonly<Record<string, readonly DifferenceKind[]>>;
}

/** Makes the stream from one snapshot to another, and receives it with stock btrfs-progs. */
export async function applied(
  fs: Btrfs,
  from: string,
  to: string,
  blockSize: number,
): Promise<Applied> {
  const found: Record<string, readonly DifferenceKind[]> = {};
  const attributes = new AttributeCommands();
  const difference = await differenceOf(treeOf(from, blockSize), treeOf(to, blockSize), blockSize, {
    onFound(place, kinds) {
      found[place.toString('latin1')] = kinds;
    },
    takeAttributes: (both) => attributes.add(both),
  });
  const { uuid, ctransid } = await infoAt(from);
  const reader = contentReader(to);
  const identity = { uuid: randomUUID(), ctransid: 7n };
  const options = { name: Buffer.from('made'), identity, parent: { uuid, ctransid }, attributes };
  const stream = Buffer.concat([
    ...craft(difference, { ...options, read: reader.read, clones: true }),
  ]);
  reader.close();
  const examination = new StreamExamination();
  examination.push(stream);
  const into = path.join(fs.mount, `into-${identity.uuid}`);
  mkdirSync(into);
  execFileSync('btrfs', ['-q', 'receive', into], {
    input: stream,
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  return { path: path.join(into, 'made'), stream, summary: examination.finish(), found };
}
