import { createHash } from 'node:crypto';
import { partChanged } from '../../archive/read/damage.ts';
import type { StoredStream } from '../../archive/read/stored-stream.ts';
import { exit, Failure } from '../../failure/failure.ts';
import type { ManifestPart } from '../../manifest/schema.ts';
import type { Stage } from '../../store/store.ts';

export interface PartCopy {
  readonly stage: Stage;
  readonly part: ManifestPart;
  /** Streams that have the part, the preferred one first. */
  readonly copies: readonly StoredStream[];
  /** Called with the number of bytes of the part that are done. */
  readonly progress: (done: number) => void;
  /** Called when a copy of the part is damaged and another one is taken. */
  readonly onDamaged: (failure: Failure, instead: StoredStream) => void;
}

/**
 * Copies one part into a stage, as it is. Continues a file that an interrupted run left if its bytes
 * are right. Compares the SHA-256 with the manifest, and takes another copy if it does not match.
 *
 * @throws {Failure} of the last copy if all are damaged
 */
export async function copyPart(copy: PartCopy): Promise<void> {
  const { stage, part, copies, onDamaged } = copy;
  const left = stage.leftovers.find(({ name }) => name === part.file)?.length ?? 0;
  for (const [at, stream] of copies.entries()) {
    const isContinued = at === 0 && left <= part.length && stream.source.position === undefined;
    const keep = isContinued ? left : 0;
    try {
      if (keep > 0 && (await copyFrom(stream, keep, copy)) === part.sha256) return;
      const found = await copyFrom(stream, 0, copy);
      if (found === part.sha256) return;
      throw partChanged(stream, part, found);
    } catch (error) {
      const next = copies[at + 1];
      const damaged = error instanceof Failure && error.exitCode === exit.damaged;
      if (!damaged || next === undefined) throw error;
      onDamaged(error, next);
    }
  }
}

/** Writes the part after its first `keep` bytes, which are there. Returns the SHA-256 of the whole. */
async function copyFrom(
  { source }: StoredStream,
  keep: number,
  { stage, part, progress }: PartCopy,
): Promise<string> {
  const hash = createHash('sha256');
  if (keep > 0) {
    for await (const piece of stage.read(part.file, { start: 0, end: keep })) hash.update(piece);
  }
  const sink = await stage.write(part.file, keep);
  let done = keep;
  try {
    for await (const piece of source.read(part.file, { start: keep, end: part.length })) {
      const writing = sink.write(piece);
      hash.update(piece);
      await writing;
      done += piece.length;
      progress(done);
    }
    await sink.close();
  } catch (error) {
    await sink.abandon();
    throw error;
  }
  return hash.digest('hex');
}
