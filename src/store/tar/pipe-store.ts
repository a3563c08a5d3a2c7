import type { Readable } from 'node:stream';
import { Failure } from '../../failure/failure.ts';
import { components } from '../components.ts';
import { entriesIn } from '../entries.ts';
import { readWhole, type SequentialStore } from '../store.ts';
import { type PassingEntry, TarReader } from './tar-reader.ts';

/** The name of the place, as on the command line. */
const PIPE = '-';

/** The files that are passed on as they come. All others are kept in memory. */
const DATA = /\.zst$/;

/** Bytes of small files that are kept: manifests of some hundred thousand streams. */
const KEPT = 256 * 1024 * 1024;

/**
 * An archive in a tar file that comes through a pipe. Nothing is written to disk. Documents come
 * first, and are kept; parts come in the order in which streams can be received.
 *
 * @param signal ends the reading
 */
// Long: its methods share the tar file and the place that was reached in it.
export function pipeStore(input: Readable, signal: AbortSignal): SequentialStore {
  signal.addEventListener('abort', () => input.destroy(signal.reason as Error));
  input.on('error', () => {}); // thrown by the next read
  const tar = new TarReader(PIPE, input);
  const documents = new Map<string, { kind: 'file'; length: number; bytes: Uint8Array }>();
  const passed = new Set<string>();
  let current: PassingEntry | undefined;
  let over = false;

  const advance = async () => {
    if (current !== undefined) passed.add(current.path);
    current = await tar.next();
    signal.throwIfAborted();
    over = current === undefined;
  };
  const readDocuments = async () => {
    for (let kept = 0; ; ) {
      await advance();
      if (current === undefined || DATA.test(current.path)) return;
      if (current.kind !== 'file') continue;
      kept += current.length;
      const bytes = kept > KEPT ? undefined : await readWhole(tar.contents(), current.length);
      if (bytes === undefined) throw tooMuch(current.path);
      documents.set(current.path, { kind: 'file', length: bytes.length, bytes });
    }
  };
  let reading: Promise<void> | undefined;
  const ready = () => {
    reading ??= readDocuments();
    return reading;
  };
  /** Goes on to the next data. A document among them would have changed the plan. */
  const nextData = async () => {
    await advance();
    if (current?.kind === 'file' && !DATA.test(current.path)) throw documentsLate(current.path);
  };

  return {
    location: PIPE,

    async list(directory) {
      components({ archive: PIPE, file: directory });
      await ready();
      return entriesIn(documents, directory);
    },

    async *read(path, range) {
      components({ archive: PIPE, file: path });
      await ready();
      const document = documents.get(path);
      if (document !== undefined) {
        yield document.bytes.subarray(range?.start ?? 0, range?.end);
        return;
      }
      while (!over && current?.path !== path && !passed.has(path)) await nextData();
      if (current?.path !== path) throw notAhead(path, passed.has(path));
      if (current.kind !== 'file' || (range?.end ?? 0) > current.length) {
        throw endsEarly(path, current.length);
      }
      yield* within(tar.contents(), range?.start ?? 0, range?.end ?? current.length);
    },

    async open(path) {
      throw new Failure('usage', `a pipe can be read only from start to end: ${path}`, {
        hint: 'save it as a .tar file, and name that file',
        where: { archive: PIPE, file: path },
      });
    },

    positionOf(directory) {
      return [...documents.keys()].findIndex((path) => path.startsWith(`${directory}/`));
    },

    async finish() {
      await ready();
      while (!over) await nextData();
    },
  };
}

/** The bytes of `pieces` from `start` up to `end`. */
async function* within(
  pieces: AsyncIterable<Uint8Array>,
  start: number,
  end: number,
): AsyncGenerator<Uint8Array> {
  let at = 0;
  for await (const piece of pieces) {
    const wanted = piece.subarray(Math.max(0, start - at), Math.max(0, end - at));
    at += piece.length;
    if (wanted.length > 0) yield wanted;
    if (at >= end) return;
  }
}

function notAhead(file: string, passed: boolean): Failure {
  const where = { archive: PIPE, file };
  if (passed) {
    return new Failure('read-failed', `${file} came earlier in the pipe`, {
      hint: 'save the pipe as a .tar file, and name that file: it can be read in any order',
      where,
    });
  }
  return new Failure('part-missing', `${file} is not in the pipe`, {
    hint: 'the archive that was sent is not complete: btrferry verify it where it is',
    where,
  });
}

function documentsLate(file: string): Failure {
  return new Failure('archive-damaged', `${file} comes too late in the pipe`, {
    hint: 'save the pipe as a .tar file, and name that file; or send one that btrferry copy makes',
    where: { archive: PIPE, file },
  });
}

function endsEarly(file: string, length: number): Failure {
  return new Failure(
    'part-damaged',
    `${file} has ${length} bytes in the pipe, and should have more`,
    {
      hint: 'the archive that was sent is damaged: btrferry verify it where it is',
      where: { archive: PIPE, file, offset: length },
    },
  );
}

function tooMuch(file: string): Failure {
  return new Failure('archive-damaged', `too many documents in the pipe, up to ${file}`, {
    hint: 'this was not made by btrferry; do not trust it',
    where: { archive: PIPE, file },
  });
}
