import { createReadStream } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import path from 'node:path';
import { addAbortSignal, type Readable } from 'node:stream';
import type { InspectResult, StreamInspected } from '../../events/inspect.ts';
import { exit, Failure } from '../../failure/failure.ts';
import { isAbsence, systemFailure } from '../../failure/system.ts';
import { byteString } from '../../names/byte-string.ts';
import { identityRecord } from '../../names/identity.ts';
import { StreamReader } from '../../sendstream/reader.ts';
import { StreamSummary } from '../../sendstream/summary.ts';
import { openStream } from '../../zstd/decompress-any.ts';
import type { Operation } from '../operation.ts';
import { commandEvent } from './command.ts';

export interface InspectOptions {
  /** Path of a stream, raw or compressed with zstd; `-` for stdin. */
  readonly file: string;
  /** Emit each command too. */
  readonly commands: boolean;
}

/** Reads one stream from its start to its end, and checks it as an import would. */
export const runInspect: Operation<InspectOptions, InspectResult> = async (
  options,
  { emit, signal, input },
) => {
  const begun = performance.now();
  const { file } = options;
  const reader = new StreamReader();
  const summary = new StreamSummary();
  const source = addAbortSignal(signal, await open(file, input));
  try {
    for await (const piece of openStream(source)) {
      for (const command of reader.push(piece)) {
        summary.add(command);
        if (options.commands) emit(commandEvent(command));
      }
      if (signal.aborted) break;
    }
    if (!signal.aborted) reader.finish();
  } catch (error) {
    if (!signal.aborted) throw await explained(error, file, reader);
  } finally {
    source.destroy();
  }
  if (signal.aborted) throw new Failure('interrupted', 'interrupted');

  const { version, name, identity, parent, cloneSources, commandCounts, ...rest } = summary.result(
    reader.version ?? 1,
  );
  const inspected: StreamInspected = {
    type: 'stream-inspected',
    file,
    name: byteString(name),
    protocol: version,
    kind: rest.kind,
    identity: identityRecord(identity),
    parent: parent && identityRecord(parent),
    cloneSources: cloneSources.map(identityRecord),
    length: reader.offset,
    commands: commandCounts,
    written: rest.written,
    cloned: rest.cloned,
    noData: rest.noData,
    compressedData: rest.compressedData,
  };
  emit(inspected);
  return {
    type: 'result',
    command: 'inspect',
    exit: exit.done,
    bytes: reader.offset,
    seconds: (performance.now() - begun) / 1000,
  };
};

async function open(file: string, stdin: () => Readable): Promise<Readable> {
  if (file === '-') return stdin();
  const stats = await stat(file).catch((error: NodeJS.ErrnoException) => {
    throw unreadable(error, file);
  });
  if (!stats.isDirectory()) return createReadStream(file, { highWaterMark: 1024 * 1024 });
  throw new Failure('usage', `${file} is a directory, not a stream`, {
    hint: `btrferry list shows an archive; of a stream in parts: cat ${file}/*.btrfs.zst | btrferry inspect -`,
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
