import { createReadStream } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import path from 'node:path';
import { addAbortSignal, type Readable } from 'node:stream';
import { Failure } from '../../failure/failure.ts';
import { isAbsence, systemFailure } from '../../failure/system.ts';
import type { StreamReader } from '../../sendstream/reader.ts';
import { kindOf } from '../../store/location.ts';
import { openStream } from '../../zstd/decompress-any.ts';
import type { Context } from '../operation.ts';

/** A stream to inspect. */
export interface InspectedSource {
  /** Its bytes, decompressed. A piece is valid until the next one is requested. */
  readonly pieces: AsyncIterable<Uint8Array>;
  /** Adds the place to an error, and advice. */
  readonly explain: (error: unknown, reader: StreamReader) => unknown;
  readonly close: () => void | Promise<void>;
}

/** Opens a stream in a file, raw or compressed, or on stdin if the file is `-`. */
export async function inFile(file: string, { signal, input }: Context): Promise<InspectedSource> {
  const source = addAbortSignal(signal, await open(file, input));
  return {
    pieces: openStream(source),
    explain: (error, reader) => explained(error, file, reader),
    close: () => void source.destroy(),
  };
}

async function open(file: string, stdin: () => Readable): Promise<Readable> {
  const kind = kindOf(file);
  if (kind === 'pipe') return stdin();
  if (kind !== 'directory') {
    throw new Failure('usage', `${file} is an archive, which holds several streams`, {
      hint: `name one of them: btrferry inspect ${file} STREAM; btrferry list shows them`,
      where: { path: file },
    });
  }
  const stats = await stat(file).catch((error: NodeJS.ErrnoException) => {
    throw unreadable(error, file);
  });
  if (!stats.isDirectory()) return createReadStream(file, { highWaterMark: 1024 * 1024 });
  throw new Failure('usage', `${file} is a directory, not a stream`, {
    hint: `btrferry list shows the streams of an archive, and one of them: btrferry inspect ${file} STREAM`,
    where: { path: file },
  });
}

function unreadable(error: NodeJS.ErrnoException, file: string): Failure {
  const code = isAbsence(error) ? 'not-found' : 'read-failed';
  return systemFailure(error, { code, doing: 'cannot read', path: file });
}

/** Adds the file to a failure, and advice if the file is one part of a stream. */
async function explained(error: unknown, file: string, reader: StreamReader): Promise<unknown> {
  if (!(error instanceof Failure)) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (code === undefined || syscall === undefined) return error;
    return unreadable(error as NodeJS.ErrnoException, file);
  }
  const { code, message, hint, where } = error;
  const siblings = path.join(path.dirname(file), '*.btrfs.zst');
  const endsEarly = code === 'stream-truncated' && (await hasNextPart(file));
  const beginsLate = code === 'stream-malformed' && reader.offset === 0 && partNumber(file) > 1;
  if (endsEarly || beginsLate) {
    const rest = endsEarly ? 'it continues in the next part' : 'it begins in an earlier part';
    return new Failure(code, `${file} holds only a piece of a stream: ${rest}`, {
      hint: `look at all of it: cat ${siblings} | btrferry inspect -`,
      where: { file, ...where },
    });
  }
  const cut = 'whatever wrote it was stopped early, or it was not copied whole: make it again';
  const advice = hint ?? (code === 'stream-truncated' ? cut : undefined);
  return new Failure(code, message, {
    ...(advice === undefined ? {} : { hint: advice }),
    where: { ...(file === '-' ? {} : { file }), ...where },
    cause: error,
  });
}

/** The number of a part by its file name; 0 if it is no part. */
function partNumber(file: string): number {
  return Number(/^(\d{4})\.btrfs\.zst$/.exec(path.basename(file))?.[1] ?? 0);
}

async function hasNextPart(file: string): Promise<boolean> {
  const number = partNumber(file);
  if (number === 0) return false;
  const next = `${String(number + 1).padStart(4, '0')}.btrfs.zst`;
  return access(path.join(path.dirname(file), next)).then(
    () => true,
    () => false,
  );
}
