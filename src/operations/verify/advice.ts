import { fromCopy } from '../../archive/read/damage.ts';
import { storedSum } from '../../archive/read/integrity.ts';
import { placeIn } from '../../archive/read/source.ts';
import type { StoredStream } from '../../archive/read/stored-stream.ts';
import { Failure } from '../../failure/failure.ts';
import { withCures } from '../archives/cures.ts';

/** Advice on the failures of a stream. It is known only when all of the stream was read. */

/** The advice for a stream that is stored as it was written, and differs from its manifest. */
export function fromCopyOf({ source: { directory } }: StoredStream): string {
  return `look for the stream in another copy, or move ${directory} out of the archive and export the snapshot again`;
}

/**
 * Gives the failures of a stream hints that hold for all of them together.
 *
 * @param intact nothing of the stream itself is lost
 * @param lost some of its commands are known to be lost
 */
export async function advised(
  stream: StoredStream,
  failures: readonly Failure[],
  { intact, lost }: { intact: boolean; lost: boolean },
  signal: AbortSignal,
): Promise<Failure[]> {
  const { directory } = stream.source;
  const found = await exchanged(stream, failures, signal);
  const byHand = intact && found.every(({ code }) => code === 'seek-table-damaged');
  if (!byHand) return Promise.all(found.map((failure) => withCures(stream, failure, lost)));
  return found.map(({ code, message, where, cause }) => {
    const hint = `${fromCopy(directory)}; only this index of the part is lost, so it can also be received by hand, in ${directory}: cat *.btrfs.zst | zstd -d | btrfs receive DIR`;
    return new Failure(code, message, { hint, where, cause });
  });
}

/** Replaces the failures of parts that hold the bytes of other parts by one failure for each. */
async function exchanged(
  stream: StoredStream,
  failures: readonly Failure[],
  signal: AbortSignal,
): Promise<Failure[]> {
  const { directory } = stream.source;
  const spoiled = new Set(failures.map(({ where }) => where.file));
  const holds = await heldParts(stream, spoiled, signal);
  const swapped = new Map<string, Failure>();
  for (const [file, held] of holds) {
    const hint =
      holds.get(held) === file
        ? `exchange the names of ${[file, held].sort().join(' and ')} in ${directory}`
        : spoiled.has(`${directory}/${held}`)
          ? `give each file in ${directory} the name of what it holds`
          : fromCopy(directory);
    const path = `${directory}/${file}`;
    const where = { ...placeIn(stream.source, file), expected: file, found: held };
    swapped.set(
      path,
      new Failure('part-damaged', `${path} holds what ${held} should`, { hint, where }),
    );
  }
  return [
    ...swapped.values(),
    ...failures.filter(({ where }) => where.file === undefined || !swapped.has(where.file)),
  ];
}

/** Maps each part that holds the bytes of another part to that one. */
export async function heldParts(
  stream: StoredStream,
  spoiled: ReadonlySet<string | undefined>,
  signal: AbortSignal,
): Promise<Map<string, string>> {
  const { source, manifest } = stream;
  const held = new Map<string, string>();
  if (spoiled.size === 0 || manifest.parts.length === 1) return held;
  const lengths = new Map((await source.list()).map(({ name, length }) => [name, length]));
  for (const part of manifest.parts) {
    const length = lengths.get(part.file);
    const others = manifest.parts.filter((other) => other !== part && other.length === length);
    if (!spoiled.has(placeIn(source, part.file).file) || others.length === 0) continue;
    const sum = await sumOf(part);
    const other = others.find(({ sha256 }) => sha256 === sum);
    if (other !== undefined && sum !== part.sha256) held.set(part.file, other.file);
  }
  return held;

  /** Returns undefined if the part cannot be read, which was reported before. */
  async function sumOf(part: (typeof manifest.parts)[number]): Promise<string | undefined> {
    try {
      return await storedSum(stream, part, () => signal.throwIfAborted());
    } catch (error) {
      if (error instanceof Failure && error.code === 'read-failed') return undefined;
      throw error;
    }
  }
}
