import { createHash, type Hash } from 'node:crypto';
import { Failure } from '../failure/failure.ts';
import { manifestDocument, partFile, type Unsealed } from '../manifest/document.ts';
import { MAX_PARTS } from '../manifest/format.ts';
import type { Manifest, ManifestPart } from '../manifest/schema.ts';
import type { Sink, Stage, Store } from '../store/store.ts';
import { FramesHash } from '../zstd/checksum.ts';
import { frameChecksum } from '../zstd/frame.ts';
import type { CompressedFrame, FramePool } from '../zstd/pool.ts';
import { MAX_FRAMES, type SeekEntry, SeekTable, seekTableSizeOf } from '../zstd/seek-table.ts';
import { earlierFrames, readJournal, useFrame } from './earlier.ts';
import {
  type DraftSettings,
  JOURNAL_FILE,
  type JournalWorth,
  journalLine,
  journalStart,
  type WrittenFrame,
} from './journal.ts';
import {
  incomingDirectory,
  isOtherDraft,
  MANIFEST_FILE,
  STREAMS,
  SUMS_FILE,
  sumsText,
} from './layout.ts';

/** Makes the manifest of a stream from its parts and its hash. */
export type Describe = (parts: ManifestPart[], framesXxh64: string) => Unsealed<Manifest>;

/**
 * A stream in the making: parts in a stage, split at frame boundaries, with a journal so that
 * an interrupted export can go on. The caller first offers its stream frame by frame to
 * {@link Draft.keep}; from the first frame that isn't there, it compresses and adds.
 */
export class Draft {
  /** Why all that an earlier run left is of no use, in words. */
  readonly useless: string | undefined;
  /** How many frames an earlier run left. */
  readonly earlierFrames: number;
  readonly #store: Store;
  readonly #stage: Stage;
  readonly #directory: string;
  readonly #settings: DraftSettings;
  /** What the journal of an earlier run tells of next. */
  readonly #earlier: AsyncGenerator<WrittenFrame>;
  readonly #parts: ManifestPart[] = [];
  #keptFrames = 0;
  /** Bytes at the beginning of the journal that are still true. */
  #journalLength = 0;
  #journal: Sink | undefined;
  #part: OpenPart | undefined;
  #streamOffset = 0;
  readonly #hash = new FramesHash();
  #stored = 0;

  private constructor(
    store: Store,
    stage: Stage,
    directory: string,
    settings: DraftSettings,
    { frames, useless }: JournalWorth,
  ) {
    this.useless = useless;
    this.earlierFrames = frames;
    this.#store = store;
    this.#stage = stage;
    this.#directory = directory;
    this.#settings = settings;
    this.#earlier = earlierFrames(stage, settings, frames);
  }

  /** Opens the draft of the stream that will lie in `directory`, new or left by another run. */
  static async open(store: Store, directory: string, settings: DraftSettings): Promise<Draft> {
    const stage = await store.stage(incomingDirectory(directory));
    const earlier = await readJournal(stage, settings);
    for (const { name } of earlier.frames === 0 ? stage.left : []) await stage.remove(name);
    const others = await otherDrafts(store, directory);
    const useless = earlier.useless ?? (others.length > 0 ? 'it has another parent' : undefined);
    return new Draft(store, stage, directory, settings, { ...earlier, useless });
  }

  /** Bytes stored so far. */
  get stored(): number {
    return this.#stored;
  }

  /** How many frames of an earlier run are in use again. */
  get keptFrames(): number {
    return this.#keptFrames;
  }

  /**
   * Uses the next frame of an earlier run, if decompressed it is `plain`, the caller's next bytes
   * of stream, to the last one. False: nothing is kept from here on. Takes one slot of the pool
   * meanwhile.
   */
  async keep(plain: Uint8Array, pool: FramePool): Promise<boolean> {
    const { value: frame } = await this.#earlier.next();
    if (frame !== undefined && (await this.#keepFrame(frame, plain, pool))) return true;
    await this.#earlier.return(undefined);
    return false;
  }

  async #keepFrame(frame: WrittenFrame, plain: Uint8Array, pool: FramePool): Promise<boolean> {
    if (frame.length !== plain.length) return false;
    const part = await this.#partFor(frame.size);
    if (frame.part !== this.#parts.length) return false;
    const place = { file: part.file, start: part.size, size: frame.size };
    const { size, length } = frame;
    const use = (bytes: Uint8Array) =>
      this.#note(part, { size, length, checksum: frameChecksum(bytes) }, bytes);
    if (!(await useFrame(this.#stage, place, plain, pool, use))) return false;
    if (this.#keptFrames === 0) this.#journalLength = journalStart(this.#settings).length;
    this.#journalLength += journalLine(frame).length;
    this.#keptFrames++;
    return true;
  }

  /** Appends a frame behind those that were kept. */
  async add({ bytes, length, checksum }: CompressedFrame): Promise<void> {
    const journal = await this.#openJournal();
    const part = await this.#partFor(bytes.length);
    part.sink ??= await this.#stage.write(part.file, part.size);
    await part.sink.write(bytes);
    const size = bytes.length;
    this.#note(part, { size, length, checksum }, bytes);
    await journal.write(Buffer.from(journalLine({ part: this.#parts.length, size, length })));
  }

  /**
   * Ends the last part, writes SHA256SUMS, and makes the stream visible with the manifest that
   * `describe` makes of the parts and of the stream's hash.
   */
  async publish(describe: Describe): Promise<void> {
    await this.#earlier.return(undefined);
    await this.#closePart();
    await this.#journal?.abandon();
    // The journal goes last: should there be no room for the rest, or a kill, no work is lost.
    const files = new Set([...this.#parts.map((part) => part.file), JOURNAL_FILE]);
    for (const { name } of this.#stage.left) {
      if (!files.has(name)) await this.#stage.remove(name);
    }
    const sums = await this.#stage.write(SUMS_FILE);
    await sums.write(Buffer.from(sumsText(this.#parts)));
    await sums.close();
    const manifest = manifestDocument.encode(describe(this.#parts, this.#hash.hex()));
    const last = { file: MANIFEST_FILE, bytes: manifest };
    await this.#stage.publish(`${STREAMS}/${this.#directory}`, last, JOURNAL_FILE);
    // A snapshot is exported once: what was begun from other parents is not gone on with.
    for (const other of await otherDrafts(this.#store, this.#directory)) {
      await (await this.#store.stage(`${STREAMS}/${other}`)).discard();
    }
  }

  /** Leaves what was written for the next run to go on with. */
  async leave(): Promise<void> {
    await this.#earlier.return(undefined);
    await this.#part?.sink?.abandon();
    await this.#journal?.abandon();
  }

  /** Removes all of it. */
  async discard(): Promise<void> {
    await this.leave();
    await this.#stage.discard();
  }

  #note(part: OpenPart, entry: SeekEntry, bytes: Uint8Array): void {
    part.note(entry, bytes);
    this.#hash.add(entry.checksum);
    this.#stored += entry.size;
  }

  async #openJournal(): Promise<Sink> {
    if (this.#journal !== undefined) return this.#journal;
    await this.#earlier.return(undefined);
    const journal = await this.#stage.write(JOURNAL_FILE, this.#journalLength);
    this.#journal = journal;
    if (this.#journalLength === 0) await journal.write(Buffer.from(journalStart(this.#settings)));
    return journal;
  }

  /** The part that a frame of `size` bytes goes into. */
  async #partFor(size: number): Promise<OpenPart> {
    const open = this.#part;
    if (open !== undefined) {
      const tableSize = seekTableSizeOf(open.table.frames + 1);
      const fits = open.size + size + tableSize <= this.#settings.maxPartSize;
      if (fits && open.table.frames < MAX_FRAMES) return open;
      await this.#closePart();
    }
    if (this.#parts.length === MAX_PARTS) {
      throw new Failure('usage', `the stream takes more than ${MAX_PARTS} parts`, {
        hint: 'give a larger --max-part-size',
      });
    }
    this.#part = new OpenPart(partFile(this.#parts.length));
    return this.#part;
  }

  async #closePart(): Promise<void> {
    const part = this.#part;
    if (part === undefined) return;
    const table = part.table.encode();
    part.sink ??= await this.#stage.write(part.file, part.size);
    await part.sink.write(table);
    await part.sink.close();
    part.hash.update(table);
    this.#stored += table.length;
    this.#parts.push({
      file: part.file,
      length: part.size + table.length,
      sha256: part.hash.digest('hex'),
      offset: this.#streamOffset,
      streamLength: part.streamLength,
    });
    this.#streamOffset += part.streamLength;
    this.#part = undefined;
  }
}

/** Drafts of the same snapshot from other parents. */
async function otherDrafts(store: Store, directory: string): Promise<string[]> {
  const names = (await store.list(STREAMS)).map(({ name }) => name);
  return names.filter((name) => isOtherDraft(name, directory));
}

class OpenPart {
  readonly file: string;
  readonly hash: Hash = createHash('sha256');
  readonly table = new SeekTable();
  sink: Sink | undefined;
  /** Bytes stored so far. */
  size = 0;
  streamLength = 0;

  constructor(file: string) {
    this.file = file;
  }

  note(entry: SeekEntry, bytes: Uint8Array): void {
    this.table.add(entry);
    this.hash.update(bytes);
    this.size += entry.size;
    this.streamLength += entry.length;
  }
}
