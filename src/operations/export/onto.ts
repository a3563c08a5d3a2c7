import { streamDirectory } from '../../archive/layout.ts';
import { readCatalog } from '../../archive/read/catalog.ts';
import { readFingerprints, type StoredFingerprint } from '../../archive/read/fingerprints.ts';
import { isArchive } from '../../archive/read/header.ts';
import { checkStored } from '../../archive/read/integrity.ts';
import { readReceipts } from '../../archive/read/receipts.ts';
import { allRecords } from '../../archive/read/records.ts';
import type { StoredStream } from '../../archive/read/stored-stream.ts';
import type { OpenArchive } from '../../archive/write/drafts.ts';
import { ensureHeader } from '../../archive/write/header.ts';
import { takeIn } from '../../archive/write/intake.ts';
import { filesystemAt } from '../../btrfs/filesystem.ts';
import type { ExportResult } from '../../events/export.ts';
import { exit, Failure } from '../../failure/failure.ts';
import { bytesOf } from '../../names/byte-string.ts';
import { printable } from '../../names/printable.ts';
import { linkStates, type StateRecord } from '../../names/state.ts';
import { streamText } from '../../names/title.ts';
import { requireRoot } from '../../process/privilege.ts';
import { writableStoreAt } from '../../store/location.ts';
import type { WritableStore } from '../../store/store.ts';
import { AttributeCommands } from '../../tree/attribute-commands.ts';
import { contentReader } from '../../tree/contents.ts';
import { type CraftOptions, craft } from '../../tree/craft.ts';
import { type Difference, differenceOf } from '../../tree/difference.ts';
import type { Entry } from '../../tree/entry.ts';
import { walk } from '../../tree/walk.ts';
import { checkLevel } from '../../zstd/engines.ts';
import { FramePool } from '../../zstd/pool.ts';
import { chosenFingerprint } from '../archives/choice.ts';
import { craftedOrigin, craftedSettings, craftedStream } from '../archives/crafted.ts';
import { assertFit } from '../archives/medium.ts';
import { treeIn } from '../archives/tree.ts';
import { type Subject, subjectAt } from '../fingerprint/subject.ts';
import { Meter } from '../meter.ts';
import type { Context, Operation } from '../operation.ts';
import { checkPartSize, type ExportOptions } from './options.ts';
import { describeSource } from './origin.ts';

export interface OntoOptions
  extends Pick<
    ExportOptions,
    'level' | 'maxPartSize' | 'label' | 'mode' | 'storageClass' | 'create' | 'dryRun'
  > {
  readonly snapshot: string;
  readonly to: string;
  /** Title, name, directory or UUID of the fingerprint of the copy, which the archive has. */
  readonly onto: string;
}

/**
 * Exports what a copy at the destination lacks, by its fingerprint. The stream is made by this
 * program: `btrfs send` knows only parents that are here.
 */
export const runOnto: Operation<OntoOptions, ExportResult> = async (options, context) => {
  const started = performance.now();
  const { to, mode, storageClass, label, create, dryRun, level, maxPartSize } = options;
  const store = writableStoreAt(to, { mode, storageClass, signal: context.signal });
  requireRoot('export');
  checkLevel(level);
  checkPartSize(maxPartSize);
  const subject = await subjectAt(options.snapshot, context.signal);
  await assertFit(to, create);
  const resultOf = (amounts: { bytes: number; stored: number }, present: boolean) => ({
    type: 'result' as const,
    command: 'export' as const,
    exit: exit.done,
    done: present || dryRun ? 0 : 1,
    skipped: present ? 1 : 0,
    ...amounts,
    seconds: (performance.now() - started) / 1000,
    dryRun,
  });
  const plan = async (): Promise<Job & { there: StoredStream | undefined }> => {
    const found = await readFingerprints(store);
    const base = chosenFingerprint(found, options.onto, '--onto');
    assertOther(base, subject);
    const there = await presentIn(store, subject, base, found.fingerprints);
    announce(subject, base, there !== undefined, options, context);
    return { subject, base, there };
  };
  if (dryRun) {
    if (!(await isArchive(store))) throw noFingerprint(options);
    const { there } = await plan();
    return resultOf({ bytes: 0, stored: 0 }, there !== undefined);
  }
  const lock = await store.lock();
  try {
    await ensureHeader(store, label);
    const { there, ...job } = await plan();
    if (there !== undefined) return resultOf({ bytes: 0, stored: 0 }, true);
    const archive = { store, lost: lock.lost };
    return resultOf(await exportOnto(job, archive, options, context), false);
  } finally {
    await lock.release();
  }
};

interface Job {
  readonly subject: Subject;
  readonly base: StoredFingerprint;
}

async function exportOnto(
  { subject, base }: Job,
  archive: OpenArchive,
  { level, maxPartSize }: OntoOptions,
  { emit, signal }: Context,
): Promise<{ bytes: number; stored: number }> {
  const { called, state, path } = subject;
  const { uuid, ctransid } = state;
  const pool = new FramePool({ signal });
  const reader = contentReader(path);
  try {
    const attributes = new AttributeCommands();
    const difference = await compare(subject, base, attributes, pool, { emit, signal });
    emit({ type: 'stream-begun', action: 'export', stream: called, index: 1, count: 1 });
    const meter = new Meter('export', called, emit);
    const title = bytesOf(called.title);
    const directory = streamDirectory({ title, uuid, parentUuid: base.uuid });
    const crafting: CraftOptions = {
      name: bytesOf(called.name),
      identity: { uuid, ctransid: BigInt(ctransid) },
      parent: { uuid: base.uuid, ctransid: BigInt(base.ctransid) },
      read: reader.read,
      attributes,
      clones: base.fingerprint.blockSize % base.fingerprint.sectorSize === 0,
    };
    const settings = craftedSettings(state, base.uuid, {
      level,
      maxPartSize: Math.min(maxPartSize, await archive.store.maxFileSize()),
    });
    const written = await takeIn(async () => craftedStream(craft(difference, crafting)), {
      archives: [archive],
      directory,
      settings,
      pool,
      origin: craftedOrigin(await describeSource(path), state, base, base.called.title),
      accept: () => {},
      onProgress: (bytes, stored) => meter.advance(bytes, stored),
      onFailure: () => {},
      onDifference: () => {},
    });
    const { bytes, stored, ...frames } = written;
    meter.stored = stored;
    meter.done(directory, frames);
    return { bytes, stored };
  } finally {
    reader.close();
    await pool.close();
  }
}

/** Reads the snapshot, and finds the way from the copy to it. */
async function compare(
  { path, called, unchanged }: Subject,
  base: StoredFingerprint,
  attributes: AttributeCommands,
  pool: FramePool,
  { emit, signal }: Pick<Context, 'emit' | 'signal'>,
): Promise<Difference> {
  const { blockSize } = base.fingerprint;
  emit({ type: 'stream-begun', action: 'compare', stream: called, index: 1, count: 1 });
  const meter = new Meter('compare', called, emit);
  const { usedBytes } = await filesystemAt(path);
  const onProgress = (_: number, bytes: number) => meter.advance(Math.min(bytes, usedBytes), 0);
  const tree = walk(path, { blockSize, signal, onProgress });
  const difference = await differenceOf(changeable(treeIn(base, pool), base), tree, blockSize, {
    takeAttributes: (both) => attributes.add(both),
  });
  await unchanged();
  meter.done(path);
  return difference;
}

/**
 * Passes the entries of a copy on. Refuses one that nobody may change: the stream could not be
 * received.
 */
async function* changeable(
  entries: AsyncIterable<Entry>,
  { called, uuid }: StoredFingerprint,
): AsyncGenerator<Entry, void, undefined> {
  for await (const entry of entries) {
    if ('immutable' in entry && entry.immutable === true) {
      const path = printable(entry.path) || '/';
      throw new Failure('destination-unfit', `${path} of ${streamText(called)} cannot be changed`, {
        hint: 'where the copy is, take the flags away (chattr -R -f -i -a; fs-verity stays: copy such a file anew), and make a new snapshot and fingerprint',
        where: { path, uuid },
      });
    }
    yield entry;
  }
}

/** The stream of the snapshot onto this base in the archive, if all its parts are there. */
async function presentIn(
  store: WritableStore,
  { state }: Subject,
  base: StoredFingerprint,
  fingerprints: readonly StoredFingerprint[],
): Promise<StoredStream | undefined> {
  if (!(await isArchive(store))) return undefined;
  const { streams } = await readCatalog(store);
  const { receipts } = await readReceipts(store);
  const states = linkStates([...allRecords({ streams, receipts, fingerprints }), state]);
  const other = streams.find(
    (each) => each.uuid === state.uuid && states.of(each) !== states.of(state),
  );
  if (other !== undefined) throw otherState(other, state);
  const there = streams.find(
    ({ uuid, ctransid, manifest }) =>
      uuid === state.uuid && ctransid === state.ctransid && manifest.parent?.uuid === base.uuid,
  );
  if (there === undefined) return undefined;
  const [failure] = await checkStored(there);
  if (failure !== undefined) throw failure;
  return there;
}

/** The archive has the UUID in another state, so nobody could tell which one a later stream needs. */
function otherState({ source, ctransid }: StoredStream, state: StateRecord): Failure {
  const { archive, directory } = source;
  return new Failure(
    'archive-conflict',
    `${archive}/${directory} is of another state of the snapshot`,
    {
      hint: 'export to another archive, or move that directory out of this one',
      where: {
        archive,
        file: directory,
        uuid: state.uuid,
        expected: `ctransid ${state.ctransid}`,
        found: `ctransid ${ctransid}`,
      },
    },
  );
}

/** Refuses the fingerprint of the snapshot itself: nothing is to be sent then. */
function assertOther(base: StoredFingerprint, { path, state }: Subject): void {
  if (base.uuid !== state.uuid) return;
  throw new Failure('usage', `${base.source.directory} is the fingerprint of ${path} itself`, {
    hint: 'name the fingerprint of the copy at the destination; if that is equal, adopt it there',
    where: { uuid: base.uuid },
  });
}

function noFingerprint({ to, onto }: OntoOptions): Failure {
  return new Failure('not-found', `no archive at ${to} has a fingerprint of ${onto}`, {
    hint: 'make it where the copy is: btrferry fingerprint <copy> --blocks --to <archive>',
  });
}

function announce(
  { called, path }: Subject,
  base: StoredFingerprint,
  present: boolean,
  { to, dryRun }: OntoOptions,
  { emit }: Context,
): void {
  const step = {
    snapshot: called,
    path,
    parent: base.called,
    cloneSources: [],
    reason: 'the copy at the destination',
    archives: [to],
  };
  emit({
    type: 'export-planned',
    archives: [to],
    dryRun,
    steps: present ? [] : [step],
    skipped: present ? [called] : [],
    received: [],
    removed: [],
  });
}
