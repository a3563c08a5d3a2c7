import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { Draft } from '../../../src/archive/write/draft.ts';
import { checksumOf } from '../../../src/zstd/checksum.ts';
import type { CompressedFrame } from '../../../src/zstd/frame-states.ts';
import type { FramePool } from '../../../src/zstd/pool.ts';
import { rawFrameSize, writeRawFrame } from '../../../src/zstd/raw-frame.ts';
import { manifestFor, settings, withArchive } from '../stored.ts';

/** Small frames for drafts, and the stream that they make. */

export const directory = 'home.11111111.full';

/** Settings under which the frames below fill several parts. */
export const small = { ...settings, maxPartSize: 200 };

export interface NewFrame extends CompressedFrame {
  readonly plain: Uint8Array;
}

/** A frame that takes `size` bytes when it is stored. */
export function frame(text: string, size = rawFrameSize(text.length)): NewFrame {
  const plain = Buffer.alloc(size - rawFrameSize(0), text);
  const bytes = new Uint8Array(size);
  writeRawFrame(plain, bytes);
  return { plain, bytes, length: plain.length, checksum: checksumOf(plain) };
}

export const frames = ['one', 'two', 'three', 'four', 'five', 'six', 'seven'].map((text, at) =>
  frame(text, 20 + 10 * at),
);

/**
 * Offers frames to a draft as an intake does: keeps the ones it can, adds the rest, publishes.
 *
 * @returns the number of frames that it kept
 */
export async function finish(
  draft: Draft,
  offered: readonly NewFrame[],
  pool: FramePool,
): Promise<number> {
  let kept = 0;
  let keeping = true;
  for (const one of offered) {
    keeping &&= await draft.keep(one.plain, pool);
    if (keeping) kept++;
    else await draft.add(one);
  }
  await draft.publish(manifestFor);
  return kept;
}

/** The files of a directory by name. */
export function files(path: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(path).map((name) => [name, readFileSync(join(path, name)).toString('latin1')]),
  );
}

/** The files that a run without interruption publishes. */
export async function undisturbed(
  pool: FramePool,
  offered = frames,
): Promise<Record<string, string>> {
  const { path, store } = await withArchive();
  expect(await finish(await Draft.open(store, directory, small), offered, pool)).toBe(0);
  return files(join(path, 'streams', directory));
}
