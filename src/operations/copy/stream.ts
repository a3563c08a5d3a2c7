import { incomingDirectory, MANIFEST_FILE, SUMS_FILE, sumsText } from '../../archive/layout.ts';
import { checkStored, checkSums } from '../../archive/read/integrity.ts';
import { placeIn } from '../../archive/read/source.ts';
import type { StoredStream } from '../../archive/read/stored-stream.ts';
import { exit, Failure } from '../../failure/failure.ts';
import { manifestDocument } from '../../manifest/document.ts';
import { type ResumableStore, readWhole } from '../../store/store.ts';
import { Meter } from '../meter.ts';
import type { Context } from '../operation.ts';
import { copyPart } from './part.ts';
import { type CopyStep, hasSameParts } from './plan.ts';

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
  store: ResumableStore,
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
  if (there !== undefined && (await isIntact(there, advance))) return 'there';

  const target = there?.source.directory ?? stream.source.directory;
  const directory = target.replace(/^.*\//, '');
  const stage = await store.stage(incomingDirectory(directory));
  const { parts } = model.manifest;
  const files = new Set(parts.map(({ file }) => file));
  for (const { name } of stage.leftovers) if (!files.has(name)) await stage.remove(name);
  const sources = isMendable ? [...same, there] : copies;
  let done = 0;
  for (const part of parts) {
    await copyPart({
      stage,
      part,
      copies: sources,
      progress: (bytes) => advance(done + bytes),
      onDamaged: (failure, instead) =>
        emit({
          type: 'warning',
          code: 'copy-damaged',
          message: failure.message,
          hint: `taking the copy in ${instead.source.archive} instead`,
        }),
    });
    done += part.length;
  }
  const sums = await stage.write(SUMS_FILE);
  await sums.write(Buffer.from(sumsText(parts)));
  await sums.close();
  const bytes = await manifestOf(model);
  const damaged = there?.source.directory ?? replaces;
  if (damaged !== undefined) await store.remove(damaged);
  await stage.publish(target, { file: MANIFEST_FILE, bytes });
  meter.advance(model.storedBytes, model.storedBytes);
  meter.done(target);
  return 'copied';
}

/** The bytes of a manifest, as they are. A later version may have members that this one ignores. */
export async function manifestOf({ source }: StoredStream): Promise<Uint8Array> {
  const bytes = await readWhole(source.read(MANIFEST_FILE), manifestDocument.limit);
  manifestDocument.decode(bytes ?? new Uint8Array(0), `${source.directory}/${MANIFEST_FILE}`);
  return bytes as Uint8Array;
}

/** Reads all parts of a stream and compares them with its manifest. */
async function isIntact(stream: StoredStream, advance: (bytes: number) => void): Promise<boolean> {
  const failures = await checkStored(stream);
  const { source, manifest } = stream;
  const files = new Set(manifest.parts.map(({ file }) => placeIn(source, file).file));
  const foreign = failures.find(({ where }) => !files.has(where.file ?? ''));
  // A replacement would remove a file that is not of this stream.
  if (foreign !== undefined) throw foreign;
  if (failures.length > 0) return false;
  let done = 0;
  try {
    for (const part of manifest.parts) {
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
