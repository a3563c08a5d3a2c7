import { createHash } from 'node:crypto';
import type { Writable } from 'node:stream';
import { HEADER_FILE, MANIFEST_FILE, SUMS_FILE, sumsText } from '../../archive/layout.ts';
import type { Catalog } from '../../archive/read/catalog.ts';
import { partChanged } from '../../archive/read/damage.ts';
import type { StoredFingerprint } from '../../archive/read/fingerprints.ts';
import { checkStored, storedSum } from '../../archive/read/integrity.ts';
import type { StoredStream } from '../../archive/read/stored-stream.ts';
import { newHeader } from '../../archive/write/header.ts';
import { README_FILE, readmeText } from '../../archive/write/readme.ts';
import { exit, Failure } from '../../failure/failure.ts';
import { program } from '../../manifest/program.ts';
import type { ManifestPart } from '../../manifest/schema.ts';
import { newTarFile } from '../../store/tar/tar-file.ts';
import { type TarWriter, tarWriter, type WriteBytes } from '../../store/tar/tar-writer.ts';
import { Meter } from '../meter.ts';
import type { Context } from '../operation.ts';
import { receiptFiles } from './documents.ts';
import { fingerprintDocumentsInto, fingerprintPartsInto } from './fingerprints.ts';
import { type CopyStep, inSameParts } from './plan.ts';
import { manifestOf } from './stream.ts';

export interface TarCopy {
  /** Path of a tar file that does not exist, or `-`. */
  readonly to: string;
  readonly label: string | undefined;
  readonly catalogs: readonly Catalog[];
  readonly steps: readonly CopyStep[];
  readonly fingerprints: readonly StoredFingerprint[];
}

/**
 * Writes streams into a tar file: first all documents, then the parts, in an order in which they can
 * be received. A tar file on this machine becomes visible when it is complete.
 *
 * @throws {Failure} of the first part that is damaged; the tar file is not completed then
 */
export async function copyToTar(copy: TarCopy, context: Context): Promise<void> {
  if (copy.to === '-') {
    const writer = tarWriter(writeTo(context.output()), new Date());
    await writeAll(copy, writer, context);
    return;
  }
  const sink = await newTarFile(copy.to);
  try {
    await writeAll(copy, tarWriter(sink.write, new Date()), context);
    await sink.close();
  } catch (error) {
    await sink.abandon();
    throw error;
  }
}

async function writeAll(
  { label, catalogs, steps, fingerprints }: TarCopy,
  tar: TarWriter,
  context: Context,
): Promise<void> {
  const document = (path: string, bytes: Uint8Array) => tar.file(path, bytes.length, [bytes]);
  await document(HEADER_FILE, newHeader(label));
  await document(README_FILE, Buffer.from(readmeText(program)));
  for (const [file, bytes] of await receiptFiles(catalogs)) await document(file, bytes);
  const streams: CopyStep['copies'][] = [];
  for (const { copies } of steps) streams.push(await wholeStream(copies));
  for (const [stream] of streams) {
    const { directory } = stream.source;
    await document(`${directory}/${MANIFEST_FILE}`, await manifestOf(stream));
    await document(`${directory}/${SUMS_FILE}`, Buffer.from(sumsText(stream.manifest.parts)));
  }
  await fingerprintDocumentsInto(fingerprints, tar);
  for (const [at, copies] of streams.entries()) {
    const [stream] = copies;
    const place = { index: at + 1, count: streams.length };
    context.emit({ type: 'stream-begun', action: 'copy', stream: stream.called, ...place });
    await writeParts(copies, tar, context);
  }
  await fingerprintPartsInto(fingerprints, tar, context.signal);
  await tar.end();
}

async function writeParts(
  copies: readonly [StoredStream, ...StoredStream[]],
  tar: TarWriter,
  { emit, signal }: Context,
): Promise<void> {
  const [stream] = copies;
  const { directory } = stream.source;
  const meter = new Meter('copy', stream.called, emit);
  meter.total = stream.storedBytes;
  for (const part of stream.manifest.parts) {
    const from = await intactCopy(copies, part);
    const hash = createHash('sha256');
    const contents = from.source.read(part.file, { start: 0, end: part.length });
    await tar.file(`${directory}/${part.file}`, part.length, contents, (piece) => {
      signal.throwIfAborted();
      hash.update(piece);
      meter.advance(meter.bytes + piece.length, meter.bytes + piece.length);
    });
    const found = hash.digest('hex');
    if (found !== part.sha256) throw partChanged(from, part, found);
  }
  meter.done(directory);
}

/**
 * Decides which parts to write if the copies of a stream have different ones, because the documents
 * come first: those of the first copies that have all of them intact.
 */
async function wholeStream(copies: CopyStep['copies']): Promise<CopyStep['copies']> {
  const groups = inSameParts(copies);
  const [preferred = copies] = groups;
  if (groups.length === 1) return preferred;
  for (const group of groups) {
    try {
      for (const part of group[0].manifest.parts) await intactCopy(group, part);
      return group;
    } catch (error) {
      if (!(error instanceof Failure) || error.exitCode !== exit.damaged) throw error;
    }
  }
  return preferred;
}

/**
 * Finds a copy of a part to write. What was written to a tar file cannot be taken back, so if there
 * are several, reads them before, and takes the first that is intact. A pipe can only be read once.
 */
async function intactCopy(
  copies: readonly [StoredStream, ...StoredStream[]],
  part: ManifestPart,
): Promise<StoredStream> {
  const [first, ...others] = copies;
  if (others.length === 0) {
    if (first.source.position !== undefined) return first;
    const [failure] = await checkStored(first);
    if (failure !== undefined) throw failure;
    return first;
  }
  for (const copy of copies) {
    if (copy.source.position !== undefined) continue;
    const sum = await storedSum(copy, part, () => {}).catch(readFailed);
    if (sum === part.sha256) return copy;
  }
  const passing = copies.find(({ source }) => source.position !== undefined);
  if (passing !== undefined) return passing;
  throw partChanged(first, part, 'another sum in each of the archives');
}

function readFailed(error: unknown): undefined {
  if (error instanceof Failure && error.code === 'read-failed') return undefined;
  throw error;
}

/** Writes to a pipe at the pace of its reader. */
function writeTo(output: Writable): WriteBytes {
  output.on('error', () => {}); // each write reports it
  return (bytes) =>
    new Promise((resolve, reject) => {
      output.write(bytes, (error) => {
        if (error) reject(pipeBroken(error as NodeJS.ErrnoException));
        else resolve();
      });
    });
}

function pipeBroken({ code = '' }: NodeJS.ErrnoException): Failure {
  return new Failure('storage-failed', `cannot write the tar file to stdout: ${code}`, {
    hint: 'the program that reads it has ended: see its messages',
  });
}
