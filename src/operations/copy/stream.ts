import { createHash } from 'node:crypto';
import { basename } from 'node:path/posix';
import { MANIFEST_FILE, SUMS_FILE, sumsText } from '../../archive/layout.ts';
import { checkStored, checkSums, coldPart, foreignAmong } from '../../archive/read/integrity.ts';
import type { StoredStream } from '../../archive/read/stored-stream.ts';
import { stageFor } from '../../archive/write/stage.ts';
import type { Emit } from '../../events/event.ts';
import type { Warning } from '../../events/warning.ts';
import { exit, Failure } from '../../failure/failure.ts';
import { manifestDocument } from '../../manifest/document.ts';
import type { ManifestPart } from '../../manifest/schema.ts';
import { readWhole, type Stage, type WritableStore } from '../../store/store.ts';
import { frameTaken } from '../archives/frame-taken.ts';
import { Meter } from '../meter.ts';
import type { Context } from '../operation.ts';
import { copyPart } from './part.ts';
import { type CopyStep, hasSameParts, inSameParts } from './plan.ts';
import { type SplitStream, splitAnew } from './split.ts';

/** Whether a stream was copied, or is in the target with intact files. */
export type Copied = 'copied' | 'there';

/**
 * Copies one stream into a directory archive. Reads the files of a stream that is there, and replaces
 * them if they are damaged, once the copy is complete.
 *
 * @throws {Failure} if no copy of the stream is intact, or the target cannot be written
 */
export async function copyStream(
  { copies, there, replaces }: CopyStep,
  store: WritableStore,
  { emit, signal }: Context,
): Promise<Copied> {
  const [stream] = copies;
  const same = there === undefined ? [] : copies.filter((copy) => hasSameParts(copy, there));
  const isMendable = there !== undefined && same.length > 0;
  const model = isMendable ? there : stream;
  const meter = new Meter('copy', stream.called, emit);
  meter.total = model.storedBytes;
  const advance = (bytes: number) => {
    signal.throwIfAborted();
    meter.advance(bytes, bytes);
  };
  if (there !== undefined && (await isIntact(there, same, advance))) return 'there';

  const target = there?.source.directory ?? replaces ?? stream.source.directory;
  const others = copies.filter((copy) => !same.includes(copy));
  const groups: CopyStep['copies'][] = isMendable
    ? [[...(same as [StoredStream]), there], ...inSameParts(others)]
    : inSameParts(copies);
  // The damaged copy in the target may have a frame that no other has.
  const last = there === undefined || isMendable ? [] : [there];
  const job = { store, directory: target, last, advance, emit, signal };
  const { stage, parts, manifest } = await writeParts(groups, job);
  const damaged = there?.source.directory ?? replaces;
  if (damaged !== undefined) await store.remove(damaged);
  const sums = { file: SUMS_FILE, bytes: Buffer.from(sumsText(parts)) };
  await stage.publish([sums, { file: MANIFEST_FILE, bytes: manifest }]);
  meter.advance(model.storedBytes, model.storedBytes);
  meter.done(target);
  return 'copied';
}

interface CopyJob {
  readonly store: WritableStore;
  /** Of the target. */
  readonly directory: string;
  /** Copies of which only frames are taken. */
  readonly last: readonly StoredStream[];
  /** Called with the number of bytes that are stored. */
  readonly advance: (stored: number) => void;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/**
 * Writes the parts of the first group that has each of them intact, as they are. Writes the stream in
 * parts of its own, frame by frame, if no group has all, or if they are too large for the target.
 */
async function writeParts(
  groups: readonly CopyStep['copies'][],
  job: CopyJob,
): Promise<SplitStream & { readonly stage: Stage }> {
  const { store, directory, last, emit } = job;
  const all = [...groups.flat(), ...last] as [StoredStream, ...StoredStream[]];
  const limit = await store.maxFileSize();
  const largest = ([model]: CopyStep['copies']) =>
    Math.max(...model.manifest.parts.map(({ length }) => length));
  const fitting = groups.filter((group) => largest(group) <= limit);
  for (const [at, sources] of fitting.entries()) {
    const stage = await stageFor(store, basename(directory));
    try {
      return { ...(await partsCopy(sources, stage, job)), stage };
    } catch (error) {
      const isDamage = error instanceof Failure && error.exitCode === exit.damaged;
      if (!isDamage || all.length === 1) throw error;
      const next = fitting[at + 1]?.[0];
      if (next !== undefined) emit(copyDamaged(error, next));
      await stage.discard();
    }
  }
  const stage = await stageFor(store, basename(directory));
  for (const { name } of stage.leftovers) await stage.remove(name);
  const [{ called }] = all;
  const written = await splitAnew(all, {
    ...job,
    stage,
    // With frames that are equal in all copies, the parts become those of the first one again.
    limit: Math.min(limit, largest(all)),
    onTaken: (taken) => emit(frameTaken({ called }, taken)),
  });
  return { ...written, stage };
}

/** Copies the parts as they are, each from an archive in which it is intact. */
async function partsCopy(
  sources: readonly StoredStream[],
  stage: Stage,
  { advance, emit }: CopyJob,
): Promise<SplitStream> {
  const [model] = sources as [StoredStream];
  const { parts } = model.manifest;
  const files = new Set(parts.map(({ file }) => file));
  for (const { name } of stage.leftovers) if (!files.has(name)) await stage.remove(name);
  let done = 0;
  for (const part of parts) {
    await copyPart({
      stage,
      part,
      copies: sources,
      progress: (bytes) => advance(done + bytes),
      onDamaged: (failure, instead) => emit(copyDamaged(failure, instead)),
    });
    done += part.length;
  }
  return { parts, manifest: await manifestOf(model) };
}

function copyDamaged({ message }: Failure, instead: StoredStream): Warning {
  const hint = `taking the copy in ${instead.source.archive} instead`;
  return { type: 'warning', code: 'copy-damaged', message, hint };
}

/** The bytes of a manifest, as they are. A later version may have members that this one ignores. */
export async function manifestOf({ source }: StoredStream): Promise<Uint8Array> {
  const bytes = await readWhole(source.read(MANIFEST_FILE), manifestDocument.limit);
  manifestDocument.decode(bytes ?? new Uint8Array(0), `${source.directory}/${MANIFEST_FILE}`);
  return bytes as Uint8Array;
}

/**
 * Compares all parts of a stream in the target with its manifest. Where the store keeps a checksum,
 * compares that with the contents of another copy, and reads only what this does not prove.
 */
async function isIntact(
  stream: StoredStream,
  same: readonly StoredStream[],
  advance: (bytes: number) => void,
): Promise<boolean> {
  const failures = await checkStored(stream);
  const { manifest } = stream;
  const foreign = foreignAmong(failures, stream);
  // A replacement would remove a file that is not of this stream.
  if (foreign !== undefined) throw foreign;
  if (failures.length > 0) return false;
  const cold = await coldPart(stream);
  const readable = same.find((copy) => copy.source.position === undefined);
  let before = 0;
  try {
    for (const part of manifest.parts) {
      let done = before;
      before += part.length;
      if (await isVouched(stream, part, readable)) continue;
      if (cold !== undefined) throw cold;
      await checkSums(stream, part, (bytes) => {
        done += bytes;
        advance(done);
      });
    }
    return true;
  } catch (error) {
    if (error instanceof Failure && error.exitCode === exit.damaged) return false;
    throw error;
  }
}

/** Reports whether the store vouches that a part has the contents of a copy that is intact. */
async function isVouched(
  { source }: StoredStream,
  part: ManifestPart,
  copy: StoredStream | undefined,
): Promise<boolean> {
  if (copy === undefined || !source.vouches) return false;
  const hash = createHash('sha256');
  const contents = async function* () {
    for await (const piece of copy.source.read(part.file)) {
      hash.update(piece);
      yield piece;
    }
  };
  try {
    return (await source.isEqual(part.file, contents())) && hash.digest('hex') === part.sha256;
  } catch (error) {
    if (error instanceof Failure && error.code === 'read-failed') return false;
    throw error;
  }
}
