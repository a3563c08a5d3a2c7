import { SUMS_FILE } from '../../archive/layout.ts';
import type { DamagedStream } from '../../archive/read/catalog.ts';
import { checkFrames, checkStored, checkSums, hasSums } from '../../archive/read/integrity.ts';
import type { StoredStream } from '../../archive/read/stored-stream.ts';
import type { StreamVerified, VerifyResult } from '../../events/verify.ts';
import { type ExitCode, exit, Failure, failureOfFile } from '../../failure/failure.ts';
import { namedByPlace } from '../../names/title.ts';
import { kindOf } from '../../store/location.ts';
import { FramePool } from '../../zstd/pool.ts';
import { type Archives, openArchives } from '../archives/open.ts';
import { warnOfUnfinished } from '../archives/warnings.ts';
import type { Context, Operation } from '../operation.ts';
import { type Outlook, outlookFor } from './outlook.ts';
import { beginRepairs, parityOf, type Repairs } from './repair.ts';
import { checkSegment } from './segments.ts';
import { type Report, verifyQuickly, verifyStream } from './stream.ts';
import { restoredTogether } from './together.ts';

export interface VerifyOptions {
  readonly archives: readonly string[];
  /** Check only the lengths, SHA-256 and seek tables of the stored files. */
  readonly quick: boolean;
  /** Repair damaged streams by their parity. */
  readonly repair?: boolean;
}

/** The streams that were read, by what was found. */
interface Findings {
  /** Streams without any damage. */
  readonly whole: readonly StoredStream[];
  /** Streams of which nothing is lost, though their files may be damaged. */
  readonly intact: readonly StoredStream[];
  /** Faults of files of parity. */
  readonly parity: readonly Failure[];
  /** Why the others are not whole. */
  readonly failures: readonly Failure[];
}

/** Why documents cannot be used. */
interface Unusable {
  /** One failure for each stream whose manifest cannot be used. */
  readonly streams: readonly Failure[];
  /** The failures of headers and receipts. */
  readonly others: readonly Failure[];
}

/**
 * Reads every byte of archives and reports each stream as soon as it was read. The archives
 * complete each other.
 */
export const runVerify: Operation<VerifyOptions, VerifyResult> = async (options, context) => {
  if (options.archives.some((location) => kindOf(location) === 'pipe')) throw pipeRefused();
  const repairs = options.repair ? await beginRepairs(options.archives, context) : undefined;
  try {
    return await verify(options, repairs, context);
  } finally {
    await repairs?.release();
  }
};

async function verify(
  options: VerifyOptions,
  repairs: Repairs | undefined,
  context: Context,
): Promise<VerifyResult> {
  const started = performance.now();
  const archives = await openArchives(options.archives, context);
  const { catalogs, streams, receipts } = archives;
  context.emit({
    type: 'verify-planned',
    archives: catalogs.map(({ store }) => store.location),
    streams: streams.length,
    stored: sum(streams, (stream) => stream.storedBytes),
  });
  warnOfUnfinished(catalogs, context.emit);
  const outlook = outlookFor(streams, receipts, archives.fingerprints);
  const findings = await verifyAll(streams, outlook, options, repairs, context);
  const fingerprints = await verifyFingerprints(archives, options, context);
  const others = [...fingerprints, ...findings.parity, ...(repairs?.failures ?? [])];
  const unread: DamagedStream[] = [];
  for (const found of catalogs.flatMap(({ damaged }) => damaged)) {
    unread.push(await checkSegment(found, context.signal));
  }
  const unusable = reportUnusable(archives, unread, others, context);
  return result(streams, findings, unusable, outlook, started);
}

async function verifyAll(
  streams: readonly StoredStream[],
  outlook: Outlook,
  { quick }: VerifyOptions,
  repairs: Repairs | undefined,
  context: Context,
): Promise<Findings> {
  const whole: StoredStream[] = [];
  const intact: StoredStream[] = [];
  const parity: Failure[] = [];
  const failures: Failure[] = [];
  const damaged = new Set<StoredStream>();
  const pool = new FramePool({ signal: context.signal });
  try {
    for (const [at, stream] of streams.entries()) {
      context.signal.throwIfAborted();
      const place = { index: at + 1, count: streams.length };
      context.emit({ type: 'stream-begun', action: 'verify', stream: stream.called, ...place });
      const read = () =>
        quick ? verifyQuickly(stream, context) : verifyStream(stream, pool, context);
      const first = await read();
      const isBad = first.failures.length > 0;
      const report = isBad && repairs ? await repairs.mended(stream, first, read) : first;
      const found = await parityOf(stream, context);
      parity.push(...found.failures);
      failures.push(...report.failures);
      const isWhole = report.failures.length === 0;
      if (isWhole) whole.push(stream);
      else damaged.add(stream);
      if (report.intact) intact.push(stream);
      const dependents = isWhole ? [] : outlook.lostWith(stream, damaged);
      reportStream(stream, { ...report, parity: found.parity }, dependents, outlook, context);
      await warnOfSums(stream, isWhole, context);
    }
    if (!quick) intact.push(...(await restoredTogether(streams, intact, pool, context)));
  } finally {
    await pool.close();
  }
  return { whole, intact, parity, failures };
}

/** Reads the parts of fingerprints. Returns why some cannot be used. */
async function verifyFingerprints(
  { fingerprints, damagedFingerprints }: Archives,
  { quick }: VerifyOptions,
  { signal }: Context,
): Promise<Failure[]> {
  const failures = damagedFingerprints.map(({ failure }) => failure);
  for (const stored of fingerprints) {
    signal.throwIfAborted();
    try {
      const [failure] = await checkStored(stored);
      if (failure !== undefined) throw failure;
      const unlisted = quick ? await checkFrames(stored) : undefined;
      if (unlisted !== undefined) throw unlisted;
      for (const part of quick ? [] : stored.fingerprint.parts) {
        await checkSums(stored, part, () => signal.throwIfAborted());
      }
    } catch (error) {
      failures.push(failureOfFile(error));
    }
  }
  return failures;
}

/** Losses are found by reading a part more than once. */
function pipeRefused(): Failure {
  return new Failure('usage', 'verify cannot read an archive from a pipe', {
    hint: 'save it as a .tar file, and verify that; import and copy check all they read from a pipe',
  });
}

function reportStream(
  stream: StoredStream,
  report: Report & Pick<StreamVerified, 'parity'>,
  dependents: readonly StoredStream[],
  outlook: Outlook,
  { emit }: Context,
): void {
  emit({
    type: 'stream-verified',
    stream: stream.called,
    archive: stream.source.archive,
    directory: stream.source.directory,
    ...report,
    ...outlook.needs(stream),
    conflicting: outlook.isConflicting(stream),
    dependents: dependents.map(({ called }) => called),
  });
}

/** SHA256SUMS is for people. The stream needs nothing of it. */
async function warnOfSums(stream: StoredStream, whole: boolean, { emit }: Context): Promise<void> {
  if (await hasSums(stream)) return;
  const { directory } = stream.source;
  const again = `write it anew, in ${directory}: sha256sum *.btrfs.zst > ${SUMS_FILE}`;
  emit({
    type: 'warning',
    code: 'sums-differ',
    message: `${directory}/${SUMS_FILE} differs from the manifest`,
    hint: whole ? again : `when all else is mended, ${again}`,
  });
}

/** Reports the files that cannot be used: manifests, headers, receipts, and files of parity. */
function reportUnusable(
  { catalogs, damagedReceipts }: Archives,
  streams: readonly DamagedStream[],
  found: readonly Failure[],
  { emit }: Context,
): Unusable {
  const headers = catalogs.flatMap(({ headerFailure }) => headerFailure ?? []);
  const others = [...headers, ...damagedReceipts, ...found];
  for (const { directory, failure } of streams) {
    emit({ type: 'stream-refused', stream: namedByPlace(directory), failure });
  }
  for (const failure of others) {
    const stream = namedByPlace(failure.where.file ?? '');
    emit({ type: 'stream-refused', stream, failure });
  }
  return { streams: streams.map(({ failure }) => failure), others };
}

function result(
  streams: readonly StoredStream[],
  { whole, intact, failures }: Findings,
  unusable: Unusable,
  outlook: Outlook,
  started: number,
): VerifyResult {
  const damaged = streams.length - whole.length;
  const others = [...unusable.streams, ...unusable.others];
  const incomplete = outlook.unrestorable.length > 0 ? exit.missing : exit.done;
  return {
    type: 'result',
    command: 'verify',
    exit:
      worst([...failures, ...others]) === exit.damaged
        ? exit.damaged
        : (exitOf(failures) ?? worst(others) ?? incomplete),
    done: whole.length,
    refused: damaged + unusable.streams.length + unusable.others.length,
    streams: different(streams) + unusable.streams.length,
    restorable: different(outlook.restorableFrom(intact)),
    bytes: sum(streams, (stream) => stream.manifest.stream.length),
    stored: sum(streams, (stream) => stream.storedBytes),
    seconds: (performance.now() - started) / 1000,
  };
}

/** A stream that fails is damaged, unless only another medium is missing. */
function exitOf(failures: readonly Failure[]): ExitCode | undefined {
  if (failures.some(({ code }) => code !== 'medium-missing')) return exit.damaged;
  return failures.length > 0 ? exit.missing : undefined;
}

/** Damage comes before a version that is too new to be read. */
function worst(failures: readonly Failure[]): ExitCode | undefined {
  const codes = failures.map(({ exitCode }) => exitCode);
  return codes.includes(exit.damaged) ? exit.damaged : codes[0];
}

/** Counts copies of a stream in several archives once. */
function different(streams: readonly StoredStream[]): number {
  return new Set(streams.map(({ uuid }) => uuid)).size;
}

function sum(streams: readonly StoredStream[], amount: (stream: StoredStream) => number): number {
  return streams.reduce((total, stream) => total + amount(stream), 0);
}
