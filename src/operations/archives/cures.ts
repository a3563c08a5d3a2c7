import { failureIn, fromCopy, generalAdvice } from '../../archive/read/damage.ts';
import type { StoredStream } from '../../archive/read/stored-stream.ts';
import { Failure, type FailureCode } from '../../failure/failure.ts';
import { shellWord } from '../../names/shell.ts';

/** The ways out for a damaged stream. */

/** Damage of stored files. What else is wrong with a stream was put into it. */
const OF_FILES: ReadonlySet<FailureCode> = new Set([
  'frame-damaged',
  'seek-table-damaged',
  'part-missing',
  'part-damaged',
  'read-failed',
]);

/**
 * Adds the stream to a failure, and gives it the ways out in the order of their cost, unless it has
 * advice of its own. Returns any other error as it is.
 *
 * @param lost something of the stream is lost, so that a salvage makes sense
 */
export async function withCures<E>(
  stream: StoredStream,
  error: E,
  lost = true,
): Promise<E | Failure> {
  const failure = failureIn(stream, error);
  if (!(failure instanceof Failure) || !OF_FILES.has(failure.code)) return failure;
  const general = [generalAdvice, fromCopy(stream.source.directory)];
  if (!general.includes(failure.hint ?? '')) return failure;
  const { code, message, where, cause } = failure;
  return new Failure(code, message, { hint: await curesOf(stream, lost), where, cause });
}

async function curesOf({ source, manifest, uuid }: StoredStream, lost: boolean): Promise<string> {
  const { archive, directory } = source;
  const files = await source.list().catch(() => []);
  const isProtected = files.some(({ name }) => name.endsWith('.par2'));
  const repair = isProtected ? ', or repair it by its parity (verify --repair)' : '';
  const again = `, or move ${directory} out of the archive and export the snapshot again`;
  const command = `btrferry import --salvage ${shellWord(archive)} --only ${uuid.slice(0, 8)} --into <dir>`;
  const salvage =
    lost && manifest.kind === 'full' ? `; to receive what is left of it: ${command}` : '';
  return `restore this file from another copy${repair}${again}${salvage}`;
}
