import type { InspectResult, StreamInspected } from '../../events/inspect.ts';
import { exit, Failure } from '../../failure/failure.ts';
import { byteString } from '../../names/byte-string.ts';
import { identityRecord } from '../../names/identity.ts';
import { StreamReader } from '../../sendstream/reader.ts';
import { StreamSummary } from '../../sendstream/summary.ts';
import type { Operation } from '../operation.ts';
import { inArchive } from './archive.ts';
import { commandEvent } from './command.ts';
import { inFile } from './file.ts';

export interface InspectOptions {
  /** Path of a stream, raw or compressed with zstd; `-` for stdin. With `stream`, an archive. */
  readonly file: string;
  /** A word that names one stream of an archive. */
  readonly stream?: string | undefined;
  /** Emit each command too. */
  readonly commands: boolean;
}

/** Reads one stream from its start to its end, and checks it as an import would. */
export const runInspect: Operation<InspectOptions, InspectResult> = async (options, context) => {
  const begun = performance.now();
  const { emit, signal } = context;
  const { file, stream } = options;
  const reader = new StreamReader();
  const summary = new StreamSummary();
  const source =
    stream === undefined ? await inFile(file, context) : await inArchive(file, stream, context);
  try {
    for await (const piece of source.pieces) {
      for (const command of reader.push(piece)) {
        summary.add(command);
        if (options.commands) emit(commandEvent(command));
      }
      if (signal.aborted) break;
    }
    if (!signal.aborted) reader.finish();
  } catch (error) {
    if (!signal.aborted) throw await source.explain(error, reader);
  } finally {
    await source.close();
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
