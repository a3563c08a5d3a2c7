import { conflicts, groupBy, linkedStates, receivable } from '../../archive/graph/graph.ts';
import { SUMS_FILE } from '../../archive/layout.ts';
import { hasSums } from '../../archive/read/integrity.ts';
import { receiptRecords } from '../../archive/read/receipts.ts';
import type { StoredStream } from '../../archive/read/stored-stream.ts';
import { type ExitCode, exit, type Failure } from '../../failure/failure.ts';
import type { States } from '../../names/state.ts';
import { namedByPlace } from '../../names/title.ts';
import { FramePool } from '../../zstd/pool.ts';
import { openArchives } from '../archives/open.ts';
import { warnOfUnfinished } from '../archives/warnings.ts';
import type { Result } from '../event.ts';
import type { Deps, Operation } from '../operation.ts';
import { needsOf } from './needs.ts';
import { type Report, verifyQuickly, verifyStream } from './stream.ts';

export interface VerifyOptions {
  readonly archives: readonly string[];
  /** Lengths, SHA-256 and seek tables of the stored files only. */
  readonly quick: boolean;
}

/** Reads every byte of archives and says what is lost; the archives complete each other. */
export const runVerify: Operation<VerifyOptions> = async (options, deps) => {
  const started = performance.now();
  const { catalogs, streams, receipts, damagedReceipts } = await openArchives(
    options.archives,
    deps.signal,
  );
  const unusable: Failure[] = [
    ...catalogs.flatMap(({ headerFailure }) => headerFailure ?? []),
    ...damagedReceipts,
  ];
  warnOfUnfinished(catalogs, deps.emit);
  const reports = await verifyAll(streams, options, deps);

  const vouched = receiptRecords(receipts);
  const states = linkedStates(streams, vouched);
  const conflicting = conflicts(streams, states);
  const certain = (list: readonly StoredStream[]) =>
    list.filter(({ uuid }) => !conflicting.has(uuid));
  const whole = streams.filter((stream) => reports.get(stream)?.failures.length === 0);
  const intact = streams.filter((stream) => reports.get(stream)?.intact === true);
  const reachable = new Set(receivable(certain(streams), vouched, states));
  const unrestorable = streams.filter((stream) => !reachable.has(stream));
  // What a receipt vouches for helps one destination only: here it is not counted on.
  const still = new Set(receivable(certain(whole), [], states));
  const lost = receivable(certain(streams), [], states).filter((stream) => !still.has(stream));

  const needs = needsOf(streams, receipts, states);
  const dependentsOf = dependents(lost, states);
  for (const stream of streams) {
    const report = reports.get(stream);
    if (report === undefined) continue;
    deps.emit({
      type: 'stream-verified',
      stream: stream.called,
      archive: stream.source.archive,
      directory: stream.source.directory,
      ...report,
      ...needs(stream),
      conflicting: conflicting.has(stream.uuid),
      dependents:
        report.failures.length === 0 ? [] : dependentsOf(stream).map(({ called }) => called),
    });
  }
  const damaged = streams.length - whole.length;
  const broken = catalogs.flatMap((catalog) => catalog.damaged);
  for (const { directory, failure } of broken) {
    deps.emit({ type: 'stream-refused', stream: namedByPlace(directory), failure });
  }
  for (const failure of unusable) {
    deps.emit({
      type: 'stream-refused',
      stream: namedByPlace(failure.where.file ?? ''),
      failure,
    });
  }
  return {
    type: 'result',
    command: 'verify',
    exit:
      damaged > 0
        ? exit.damaged
        : (worst([...broken.map(({ failure }) => failure), ...unusable]) ??
          (unrestorable.length > 0 ? exit.missing : exit.done)),
    done: whole.length,
    refused: damaged + broken.length + unusable.length,
    streams: different(streams) + broken.length,
    restorable: different(receivable(certain(intact), [], states)),
    bytes: sum(streams, (stream) => stream.manifest.stream.length),
    stored: sum(streams, (stream) => stream.cost),
    seconds: (performance.now() - started) / 1000,
    summary: '',
  } satisfies Result;
};

/** Damage before what is only too new to be read. */
function worst(failures: readonly Failure[]): ExitCode | undefined {
  const codes = failures.map(({ exitCode }) => exitCode);
  return codes.includes(exit.damaged) ? exit.damaged : codes[0];
}

/** SHA256SUMS is for people: without it nothing of the stream is lost. */
async function warnOfSums(stream: StoredStream, whole: boolean, { emit }: Deps): Promise<void> {
  if (await hasSums(stream)) return;
  const again = `write it anew, in ${stream.source.directory}: sha256sum *.btrfs.zst > ${SUMS_FILE}`;
  emit({
    type: 'warning',
    code: 'sums-differ',
    message: `${stream.source.directory}/${SUMS_FILE} does not say what the manifest says`,
    hint: whole ? again : `when all else is mended, ${again}`,
  });
}

async function verifyAll(
  streams: readonly StoredStream[],
  { quick }: VerifyOptions,
  deps: Deps,
): Promise<Map<StoredStream, Report>> {
  const reports = new Map<StoredStream, Report>();
  const pool = new FramePool({ signal: deps.signal });
  try {
    for (const [at, stream] of streams.entries()) {
      deps.signal.throwIfAborted();
      const place = { index: at + 1, count: streams.length };
      deps.emit({ type: 'stream-begun', action: 'verify', stream: stream.called, ...place });
      const report = quick
        ? await verifyQuickly(stream, deps)
        : await verifyStream(stream, pool, deps);
      reports.set(stream, report);
      await warnOfSums(stream, report.failures.length === 0, deps);
    }
  } finally {
    await pool.close();
  }
  return reports;
}

/** Those of `lost` that build on a stream, directly or not; in their order. */
function dependents(
  lost: readonly StoredStream[],
  states: States,
): (stream: StoredStream) => StoredStream[] {
  const place = new Map(lost.map((stream, at) => [stream, at]));
  const needing = groupBy(
    lost.flatMap((stream) => stream.requires.map((requirement) => ({ stream, requirement }))),
    ({ requirement }) => states.of(requirement),
  );
  return (stream) => {
    const found = new Set([stream]);
    // What is added meanwhile is visited as well.
    for (const provider of found) {
      for (const { stream: dependent } of needing.get(states.of(provider)) ?? []) {
        found.add(dependent);
      }
    }
    found.delete(stream);
    return [...found].sort((a, b) => (place.get(a) ?? 0) - (place.get(b) ?? 0));
  };
}

/** Copies of a stream in several archives count once. */
function different(streams: readonly StoredStream[]): number {
  return new Set(streams.map(({ uuid }) => uuid)).size;
}

function sum(streams: readonly StoredStream[], amount: (stream: StoredStream) => number): number {
  return streams.reduce((total, stream) => total + amount(stream), 0);
}
