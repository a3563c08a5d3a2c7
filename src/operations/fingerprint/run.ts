import { fingerprintDirectory } from '../../archive/layout.ts';
import { readFingerprints, type StoredFingerprint } from '../../archive/read/fingerprints.ts';
import { isArchive } from '../../archive/read/header.ts';
import { checkStored, checkSums } from '../../archive/read/integrity.ts';
import { writeFingerprint } from '../../archive/write/fingerprint.ts';
import { ensureHeader } from '../../archive/write/header.ts';
import { filesystemAt } from '../../btrfs/filesystem.ts';
import type { FingerprintResult } from '../../events/fingerprint.ts';
import { exit, Failure } from '../../failure/failure.ts';
import { FORMAT_VERSION } from '../../manifest/format.ts';
import { program } from '../../manifest/program.ts';
import { bytesOf } from '../../names/byte-string.ts';
import { requireRoot } from '../../process/privilege.ts';
import { writableStoreAt } from '../../store/location.ts';
import type { WritableStore } from '../../store/store.ts';
import { FINE, WHOLE } from '../../tree/blocks.ts';
import { linesOf } from '../../tree/lines.ts';
import { walk } from '../../tree/walk.ts';
import { FRAME_SIZE } from '../../zstd/frame.ts';
import { sourceOf } from '../../zstd/pieces.ts';
import { FramePool } from '../../zstd/pool.ts';
import { assertFit } from '../archives/medium.ts';
import { describeSource } from '../export/origin.ts';
import { Meter } from '../meter.ts';
import type { Context, Operation } from '../operation.ts';
import { type Subject, subjectAt } from './subject.ts';

export interface FingerprintOptions {
  /** Path of a read-only snapshot. */
  readonly snapshot: string;
  /** The archive to write to. It need not exist. */
  readonly to: string;
  /** Hash each small block of a file, so that `export --onto` sends only those that differ. */
  readonly blocks: boolean;
  readonly label: string | undefined;
  /** Mode of directories in the archive. */
  readonly mode: number | undefined;
  /** Allow an archive in memory, or in a place where no drive is mounted. */
  readonly create: boolean;
  readonly dryRun: boolean;
}

/** zstd level. Most of a fingerprint are hashes, which no level compresses. */
const LEVEL = 1;

interface Amounts {
  readonly entries: number;
  readonly bytes: number;
  readonly stored: number;
}

const nothing: Amounts = { entries: 0, bytes: 0, stored: 0 };

/** Writes down what a snapshot holds, without its contents. */
export const runFingerprint: Operation<FingerprintOptions, FingerprintResult> = async (
  options,
  context,
) => {
  const started = performance.now();
  const { snapshot, to, blocks, mode, label, create, dryRun } = options;
  const store = writableStoreAt(to, { mode, signal: context.signal });
  requireRoot('fingerprint');
  const subject = await subjectAt(snapshot, context.signal);
  await assertFit(to, create);
  const { called } = subject;
  const unit = blocks ? 'blocks' : 'files';
  const directory = fingerprintDirectory(bytesOf(called.title), called.uuid, unit);
  const job: Job = { subject, store, directory, blockSize: blocks ? FINE : WHOLE };
  const resultFor = (amounts: Amounts, present: boolean): FingerprintResult => ({
    type: 'result',
    command: 'fingerprint',
    exit: exit.done,
    done: present || dryRun ? 0 : 1,
    skipped: present ? 1 : 0,
    ...amounts,
    seconds: (performance.now() - started) / 1000,
    dryRun,
  });
  if (dryRun) {
    const there = (await isArchive(store)) ? await presentIn(job) : undefined;
    announce(job, options, there, context);
    return resultFor(nothing, there !== undefined);
  }
  const lock = await store.lock();
  try {
    await ensureHeader(store, label);
    const there = await presentIn(job);
    announce(job, options, there, context);
    if (there !== undefined) {
      await assertIntact(there);
      return resultFor(nothing, true);
    }
    return resultFor(await make(job, context), false);
  } finally {
    await lock.release();
  }
};

interface Job {
  readonly subject: Subject;
  readonly store: WritableStore;
  /** Name of the directory of the fingerprint. */
  readonly directory: string;
  readonly blockSize: number;
}

/** The fingerprint of this very snapshot in the archive, if it has one. */
async function presentIn({
  subject,
  store,
  directory,
}: Job): Promise<StoredFingerprint | undefined> {
  const { fingerprints, damaged } = await readFingerprints(store);
  const unusable = damaged.find((each) => each.directory.endsWith(`/${directory}`));
  if (unusable !== undefined) throw unusable.failure;
  const there = fingerprints.find(({ source }) => source.directory.endsWith(`/${directory}`));
  if (there === undefined) return undefined;
  const { uuid, ctransid, filesystem } = subject.state;
  const isSame = there.uuid === uuid && there.ctransid === ctransid;
  if (isSame && there.filesystem === filesystem) return there;
  const place = `${store.location}/${there.source.directory}`;
  throw new Failure('archive-conflict', `${place} is of another state of the snapshot`, {
    hint: 'move that directory out of the archive, then run the same command again',
    where: { archive: store.location, file: there.source.directory, uuid },
  });
}

/** @throws {Failure} `part-missing`, `part-damaged`, `read-failed` */
async function assertIntact(there: StoredFingerprint): Promise<void> {
  const [failure] = await checkStored(there);
  if (failure !== undefined) throw failure;
  for (const part of there.fingerprint.parts) await checkSums(there, part, () => {});
}

async function make(
  { subject, store, directory, blockSize }: Job,
  context: Context,
): Promise<Amounts> {
  const { emit, signal } = context;
  const { called, state, path } = subject;
  emit({ type: 'stream-begun', action: 'fingerprint', stream: called, index: 1, count: 1 });
  const source = await describeSource(path);
  const { sectorSize, usedBytes } = await filesystemAt(path);
  const meter = new Meter('fingerprint', called, emit);
  meter.total = undefined;
  let [entries, bytes] = [0, 0];
  const tree = walk(path, {
    blockSize,
    signal,
    onProgress: (count, length) => {
      [entries, bytes] = [count, length];
      meter.advance(Math.min(length, usedBytes), 0);
    },
  });
  const pool = new FramePool({ workers: 1, signal });
  try {
    const stored = await writeFingerprint({
      store,
      directory,
      lines: sourceOf(checkedAfter(linesOf(tree), subject.unchanged)),
      pool,
      level: LEVEL,
      describe: ({ parts, ...written }) => ({
        format: 'btrferry/fingerprint',
        version: FORMAT_VERSION,
        features: [],
        name: called.name,
        identity: { uuid: state.uuid, ctransid: state.ctransid, sendTransid: state.sendTransid },
        blockSize,
        sectorSize,
        tree: { entries, bytes, ...written },
        compression: { algorithm: 'zstd', level: LEVEL, frameSize: FRAME_SIZE },
        parts,
        source,
        tool: program,
        createdAt: new Date().toISOString(),
      }),
    });
    meter.advance(bytes, stored);
    meter.done(directory);
    return { entries, bytes, stored };
  } finally {
    await pool.close();
  }
}

/** Passes lines on, and checks after the last one that they are of one state. */
async function* checkedAfter(
  lines: AsyncIterable<Uint8Array>,
  check: () => Promise<void>,
): AsyncGenerator<Uint8Array> {
  yield* lines;
  await check();
}

function announce(
  { subject, directory, blockSize }: Job,
  { to, dryRun }: FingerprintOptions,
  there: StoredFingerprint | undefined,
  { emit }: Context,
): void {
  emit({
    type: 'fingerprint-planned',
    stream: subject.called,
    path: subject.path,
    archive: to,
    directory: `fingerprints/${directory}`,
    blockSize,
    present: there !== undefined,
    dryRun,
  });
}
