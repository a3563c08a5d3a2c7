import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import { btrferry, eventsOf, succeeds } from './runs.ts';

/** The contents of an archive without the times of its exports. */
export type Contents = Record<string, { sums: string; manifest: object }>;

/** The published streams, by the names of their directories. */
export function contentsOf(archive: string): Contents {
  const published = entries(path.join(archive, 'streams')).filter((name) => /^[^.].*\./.test(name));
  return Object.fromEntries(
    published.map((name) => {
      const file = (which: string) =>
        readFileSync(path.join(archive, 'streams', name, which), 'utf8');
      const manifest = JSON.parse(file('manifest.json'));
      return [name, { sums: file('SHA256SUMS'), manifest: timeless(manifest) }];
    }),
  );
}

function timeless({ createdAt, sha256, ...manifest }: Record<string, unknown>): object {
  expect([createdAt, sha256]).toEqual([
    expect.any(String),
    expect.stringMatching(/^[0-9a-f]{64}$/),
  ]);
  return manifest;
}

/**
 * The archive is what an undisturbed export makes: the same streams, byte for byte, each found
 * whole by `verify`, and nothing unfinished.
 */
export async function expectWhole(archive: string, undisturbed: Contents): Promise<void> {
  expect(contentsOf(archive)).toEqual(undisturbed);
  const verified = await succeeds('verify', archive);
  expect(eventsOf(verified, 'stream-verified')).toHaveLength(Object.keys(undisturbed).length);
  expect(await unfinished(archive)).toEqual([]);
}

/**
 * Checks an archive after an export that was disturbed: each published stream is whole, as `verify`
 * and stock tools find it.
 */
export async function expectNothingHalf(archive: string, undisturbed: Contents): Promise<number> {
  if (!entries(archive).includes('btrferry.json')) {
    expect(draftsIn(archive)).toEqual([]);
    return 0;
  }
  const found = contentsOf(archive);
  for (const [name, contents] of Object.entries(found)) {
    expect(contents, name).toEqual(undisturbed[name]);
  }
  const verified = await btrferry('verify', archive);
  const damaged = eventsOf(verified, 'stream-verified').filter((one) => one.failures.length > 0);
  expect([damaged, verified.failure, verified.exit]).toEqual([[], undefined, 0]);
  return Object.keys(found).length;
}

/** The unfinished streams of `list`, without foreign files. */
export async function unfinished(archive: string): Promise<string[]> {
  const listed = eventsOf(await succeeds('list', archive), 'archive-listed');
  return listed.flatMap((one) => one.unfinished).filter((name) => !name.startsWith('foreign'));
}

/** Where an interrupted export of a stream lies. */
export function draftsIn(archive: string): string[] {
  return entries(path.join(archive, 'streams'))
    .filter((name) => name.startsWith('.incoming-') && !name.startsWith('.incoming-foreign'))
    .map((name) => path.join(archive, 'streams', name));
}

/** How many frames the journal of a draft tells of. */
export function framesJournaled(draft: string): number {
  try {
    return readFileSync(path.join(draft, 'journal'), 'latin1').split('\n').length - 2;
  } catch {
    return 0;
  }
}

/** Whether the drafts in an archive have so many frames. */
export function hasFrames(archive: string, count: number): () => boolean {
  return () => draftsIn(archive).some((draft) => framesJournaled(draft) >= count);
}

/**
 * Makes files beside an archive's own that no run may touch, some with names like its own. Gives
 * the check that they are untouched.
 */
export function plantForeign(archive: string): () => void {
  const planted = {
    'notes.txt': 'mine',
    'photos/one.jpg': 'mine too',
    'photos/.incoming-home.1.00000000.full/0001.btrfs.zst': 'not a part',
    'streams/.incoming-foreign/0001.btrfs.zst': 'nobody knows',
    'streams/.incoming-foreign/journal': 'dear diary',
    'streams/readme': 'a file',
    'btrferry.json.backup': '{}',
  };
  for (const [name, text] of Object.entries(planted)) {
    mkdirSync(path.join(archive, path.dirname(name)), { recursive: true });
    writeFileSync(path.join(archive, name), text);
  }
  execFileSync('sync', ['-f', archive]);
  return () => {
    const found = Object.keys(planted).map((name) => [
      name,
      readFileSync(path.join(archive, name), 'utf8'),
    ]);
    expect(Object.fromEntries(found)).toEqual(planted);
  };
}

/** Names in a directory; none where there is no such directory. */
export function entries(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
