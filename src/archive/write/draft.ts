import { Failure } from '../../failure/failure.ts';
import {
  manifestDocument,
  partFile,
  segmentDocument,
  type Unsealed,
} from '../../manifest/document.ts';
import type { Manifest, ManifestPart, Segment } from '../../manifest/schema.ts';
import type { Sink, Stage, StagedDocument, WritableStore } from '../../store/store.ts';
import { frameChecksum, MAX_STORED_SIZE } from '../../zstd/frame.ts';
import type { CompressedFrame } from '../../zstd/frame-states.ts';
import type { FramePool } from '../../zstd/pool.ts';
import {
  isOtherDraft,
  MANIFEST_FILE,
  SEGMENT_FILE,
  STREAMS,
  SUMS_FILE,
  sumsText,
} from '../layout.ts';
import { earlierFrames, readJournal, useFrame } from './earlier.ts';
import {
  type DraftSettings,
  JOURNAL_FILE,
  type JournalWorth,
  journalLine,
  journalStart,
  type WrittenFrame,
} from './journal.ts';
import { type Beginning, PartWriter } from './part-writer.ts';
import { Reserve } from './reserve.ts';
import { openStage } from './stage.ts';

/** Makes the manifest of a stream from its parts and the hash of its frames. */
export type Describe = (parts: ManifestPart[], framesXxh64: string) => Unsealed<Manifest>;

/** Makes the segment of a stream that continues on another medium. */
export type DescribeSegment = (parts: ManifestPart[], framesXxh64: string) => Unsealed<Segment>;

/** A draft on one of several media that a stream is spread over. */
export interface Spread {
  /** The parts on earlier media. */
  readonly beginning: Beginning;
  /** Use nothing of an interrupted run. */
  readonly anew: boolean;
}

/**
 * A stream that is being written to one archive. The caller offers each frame of the stream to
 * {@link Draft.keep}, which uses the frames of an interrupted run. Once that returns false, the caller
 * compresses this frame and every later one, and passes them to {@link Draft.add}. A journal records
 * the frames for the next run.
 */
export class Draft {
  /** The reason that no frame of an interrupted run can be used; undefined if some can, or none is there. */
  readonly useless: string | undefined;
  /** Number of frames in the journal of an interrupted run with the same settings. */
  readonly earlierFrames: number;
  readonly #store: WritableStore;
  readonly #stage: Stage;
  readonly #directory: string;
  readonly #settings: DraftSettings;
  readonly #writer: PartWriter;
  readonly #earlier: AsyncGenerator<WrittenFrame>;
  readonly #reserve: Reserve | undefined;
  #keptFrames = 0;
  /** Bytes at the start of the old journal that are still valid. */
  #journalLength = 0;
  #journal: Sink | undefined;

  private constructor(
    store: WritableStore,
    stage: Stage,
    directory: string,
    settings: DraftSettings,
    { frames, useless }: JournalWorth,
    { beginning, reserve }: { beginning?: Beginning; reserve?: Reserve } = {},
  ) {
    this.useless = useless;
    this.earlierFrames = frames;
    this.#store = store;
    this.#stage = stage;
    this.#directory = directory;
    this.#settings = settings;
    this.#writer = new PartWriter(stage, settings.maxPartSize, partFile, beginning);
    this.#reserve = reserve;
    this.#earlier = earlierFrames(stage, settings, frames);
  }

  /**
   * Opens a draft of the stream for `directory`. Continues the draft of an interrupted run if its
   * frames can be used, and otherwise removes its files and begins again.
   *
   * @throws {Failure} `archive-conflict` if that directory is taken
   */
  static async open(
    store: WritableStore,
    directory: string,
    settings: DraftSettings,
    spread?: Spread,
  ): Promise<Draft> {
    const stage = await openStage(store, directory);
    const earlier = spread?.anew
      ? { frames: 0, useless: undefined }
      : await readJournal(stage, settings);
    for (const { name } of earlier.frames === 0 ? stage.leftovers : []) await stage.remove(name);
    if (spread !== undefined) {
      const reserve = await Reserve.take(store, stage, earlier.frames > 0);
      const { beginning } = spread;
      return new Draft(store, stage, directory, settings, earlier, { beginning, reserve });
    }
    const others = await otherDrafts(store, directory);
    const otherwise = others.length > 0 ? 'its parent or its title is different' : undefined;
    const useless = earlier.frames > 0 ? undefined : (earlier.useless ?? otherwise);
    return new Draft(store, stage, directory, settings, { ...earlier, useless });
  }

  /** A draft on one of several media has room for a frame, or has frames of an interrupted run. */
  get isOfUse(): boolean {
    return this.earlierFrames > 0 || this.#hasRoomFor(MAX_STORED_SIZE);
  }

  /** Bytes stored so far. */
  get stored(): number {
    return this.#writer.stored;
  }

  /** Number of frames of an interrupted run that are in use. */
  get keptFrames(): number {
    return this.#keptFrames;
  }

  /**
   * Uses the next frame of an interrupted run if it decompresses to `plain`, the next bytes of the
   * caller's stream. Once it has returned false, it keeps no more frames.
   *
   * @param pool lends one slot, to decompress the frame in
   */
  async keep(plain: Uint8Array, pool: FramePool): Promise<boolean> {
    const { value: frame } = await this.#earlier.next();
    if (frame !== undefined && (await this.#keepFrame(frame, plain, pool))) return true;
    await this.#earlier.return(undefined);
    return false;
  }

  async #keepFrame(frame: WrittenFrame, plain: Uint8Array, pool: FramePool): Promise<boolean> {
    const { size, length } = frame;
    if (length !== plain.length) return false;
    const place = await this.#writer.placeFor(size);
    if (frame.part !== place.part) return false;
    const keep = (bytes: Uint8Array) =>
      this.#writer.keep({ size, length, checksum: frameChecksum(bytes) }, bytes);
    if (!(await useFrame(this.#stage, place, plain, pool, keep))) return false;
    if (this.#keptFrames === 0) this.#journalLength = journalStart(this.#settings).length;
    this.#journalLength += journalLine(frame).length;
    this.#keptFrames++;
    return true;
  }

  /** Appends a frame after those that were kept. */
  async add(frame: CompressedFrame): Promise<void> {
    const { part, size } = await this.#writer.placeFor(frame.bytes.length);
    const journal = await this.#openJournal();
    await this.#writer.append(frame);
    const { length } = frame;
    await journal?.write(Buffer.from(journalLine({ part, size, length })));
  }

  /**
   * Appends a frame, unless the medium is full.
   *
   * @returns whether it was appended; after false, only {@link Draft.publishSegment} is of use
   */
  async addIfRoom(frame: CompressedFrame): Promise<boolean> {
    if (!this.#hasRoomFor(frame.bytes.length)) return false;
    const before = this.#writer.stored;
    try {
      await this.add(frame);
      return true;
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== 'no-space') throw error;
      this.#reserve?.close();
      // If only its line in the journal did not fit, the frame is there.
      if (this.#writer.stored >= before + frame.bytes.length) return true;
      await this.#reserve?.release();
      await this.#writer.cut();
      return false;
    }
  }

  #hasRoomFor(size: number): boolean {
    return this.#writer.sizeWith(size) <= (this.#reserve?.room ?? Number.POSITIVE_INFINITY);
  }

  /**
   * Ends the last part, writes SHA256SUMS and the manifest, and makes the stream visible. Removes
   * leftover files and the other drafts of the snapshot.
   */
  async publish(describe: Describe): Promise<void> {
    await this.#publish((parts, framesXxh64) => ({
      file: MANIFEST_FILE,
      bytes: manifestDocument.encode(describe(parts, framesXxh64)),
    }));
    // The snapshot is exported now, so nobody needs its drafts with another parent or title.
    for (const other of await otherDrafts(this.#store, this.#directory)) {
      await this.#store.remove(`${STREAMS}/${other}`);
    }
  }

  /** Does the same on a medium that is full: the document says that the stream continues elsewhere. */
  async publishSegment(describe: DescribeSegment): Promise<ManifestPart[]> {
    return this.#publish((parts, framesXxh64) => ({
      file: SEGMENT_FILE,
      bytes: segmentDocument.encode(describe(parts, framesXxh64)),
    }));
  }

  async #publish(
    describe: (parts: ManifestPart[], framesXxh64: string) => StagedDocument,
  ): Promise<ManifestPart[]> {
    await this.#earlier.return(undefined);
    await this.#reserve?.release();
    const { parts, framesXxh64 } = await this.#writer.finish();
    await this.#journal?.abandon();
    // Keep the journal until the stream is visible: a kill, or a full drive, must lose no work.
    const files = new Set([...parts.map(({ file }) => file), JOURNAL_FILE]);
    for (const { name } of this.#stage.leftovers) {
      if (!files.has(name)) await this.#stage.remove(name);
    }
    const own = parts.filter(({ medium }) => medium === undefined);
    const sums = { file: SUMS_FILE, bytes: Buffer.from(sumsText(own)) };
    await this.#stage.publish([sums, describe(parts, framesXxh64)], JOURNAL_FILE);
    return parts;
  }

  /** Leaves the files for the next run. */
  async leave(): Promise<void> {
    await this.#earlier.return(undefined);
    await this.#writer.abandon();
    await this.#journal?.abandon();
  }

  /** Removes the draft. */
  async discard(): Promise<void> {
    await this.leave();
    await this.#stage.discard();
  }

  async #openJournal(): Promise<Sink | undefined> {
    if (!this.#stage.keepsFiles || this.#journal !== undefined) return this.#journal;
    await this.#earlier.return(undefined);
    const journal = await this.#stage.write(JOURNAL_FILE, this.#journalLength);
    this.#journal = journal;
    if (this.#journalLength === 0) await journal.write(Buffer.from(journalStart(this.#settings)));
    return journal;
  }
}

/** Drafts of the same snapshot from other parents. */
async function otherDrafts(store: WritableStore, directory: string): Promise<string[]> {
  const names = (await store.list(STREAMS)).map(({ name }) => name);
  return names.filter((name) => isOtherDraft(name, directory));
}
