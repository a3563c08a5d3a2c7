import { createHash, type Hash } from 'node:crypto';
import { Failure } from '../../failure/failure.ts';
import { partFile } from '../../manifest/document.ts';
import { MAX_PARTS } from '../../manifest/format.ts';
import type { ManifestPart } from '../../manifest/schema.ts';
import type { Sink, Stage } from '../../store/store.ts';
import { FramesHash } from '../../zstd/checksum.ts';
import type { CompressedFrame } from '../../zstd/frame-states.ts';
import { MAX_FRAMES, type SeekEntry, SeekTable, seekTableSizeOf } from '../../zstd/seek-table.ts';

/** The place of a frame in the files of a stage. */
export interface FramePlace {
  /** Index of the part, from 0. */
  readonly part: number;
  readonly file: string;
  /** Bytes from the start of the file. */
  readonly start: number;
  /** Bytes as stored. */
  readonly size: number;
}

/** The beginning of a stream, which lies on other media. */
export interface Beginning {
  /** Its parts, each with its medium. */
  readonly parts: readonly ManifestPart[];
  /** The hash of its frames, which goes on with those that follow. */
  readonly hash: FramesHash;
}

/** Writes the frames of a stream into parts of limited size, each with its seek table at the end. */
export class PartWriter {
  readonly #stage: Stage;
  readonly #maxPartSize: number;
  readonly #fileOf: (index: number) => string;
  readonly #parts: ManifestPart[];
  readonly #hash: FramesHash;
  #part: OpenPart | undefined;
  #streamOffset: number;
  #stored = 0;

  /**
   * @param maxPartSize bytes, with the seek table
   * @param fileOf names a part by its index, from 0
   * @param beginning that lies elsewhere; the parts follow it
   */
  constructor(
    stage: Stage,
    maxPartSize: number,
    fileOf = partFile,
    beginning: Beginning = { parts: [], hash: new FramesHash() },
  ) {
    this.#stage = stage;
    this.#maxPartSize = maxPartSize;
    this.#fileOf = fileOf;
    this.#parts = [...beginning.parts];
    this.#hash = beginning.hash;
    const last = this.#parts.at(-1);
    this.#streamOffset = last === undefined ? 0 : last.offset + last.streamLength;
  }

  /** Bytes stored so far. */
  get stored(): number {
    return this.#stored;
  }

  /**
   * Decides where the next frame goes, and ends the current part if the frame does not fit.
   *
   * @param size bytes as stored
   * @throws {Failure} `usage` if the stream needs too many parts
   */
  async placeFor(size: number): Promise<FramePlace> {
    const { file, size: start } = await this.#partFor(size);
    return { part: this.#parts.length, file, start, size };
  }

  /** Counts a frame that is stored at its place already. */
  async keep(entry: SeekEntry, bytes: Uint8Array): Promise<void> {
    this.#note(await this.#partFor(entry.size), entry, bytes);
  }

  /** Writes the next frame. */
  async append({ bytes, length, checksum }: CompressedFrame): Promise<void> {
    const part = await this.#partFor(bytes.length);
    await (await this.#sinkOf(part)).write(bytes);
    this.#note(part, { size: bytes.length, length, checksum }, bytes);
  }

  /** The most bytes that the files would have with one more frame of `size` bytes. */
  sizeWith(size: number): number {
    const frames = this.#part?.table.frames ?? 0;
    return this.#stored + size + seekTableSizeOf(frames + 1) + seekTableSizeOf(1);
  }

  /** Cuts off what was not written whole because the medium is full. More can be written then. */
  async cut(): Promise<void> {
    const part = this.#part;
    await part?.sink?.abandon();
    if (part === undefined) return;
    if (part.size > 0) {
      part.sink = await this.#stage.write(part.file, part.size);
      return;
    }
    this.#part = undefined;
    await this.#stage.remove(part.file);
  }

  /** Ends the last part. Returns the parts and the hash of the frames, for the manifest. */
  async finish(): Promise<{ parts: ManifestPart[]; framesXxh64: string }> {
    await this.#closePart();
    return { parts: this.#parts, framesXxh64: this.#hash.hex() };
  }

  /** Leaves the files as they are. */
  async abandon(): Promise<void> {
    await this.#part?.sink?.abandon();
  }

  #note(part: OpenPart, entry: SeekEntry, bytes: Uint8Array): void {
    part.note(entry, bytes);
    this.#hash.add(entry.checksum);
    this.#stored += entry.size;
  }

  async #partFor(size: number): Promise<OpenPart> {
    const open = this.#part;
    if (open !== undefined) {
      const { frames } = open.table;
      const fits = open.size + size + seekTableSizeOf(frames + 1) <= this.#maxPartSize;
      // A frame larger than a part has one of its own.
      if (frames === 0 || (fits && frames < MAX_FRAMES)) return open;
      await this.#closePart();
    }
    if (this.#parts.length === MAX_PARTS) {
      throw new Failure('usage', `the stream takes more than ${MAX_PARTS} parts`, {
        hint: 'give a larger --max-part-size',
      });
    }
    this.#part = new OpenPart(this.#fileOf(this.#parts.length));
    return this.#part;
  }

  async #sinkOf(part: OpenPart): Promise<Sink> {
    part.sink ??= await this.#stage.write(part.file, part.size);
    return part.sink;
  }

  async #closePart(): Promise<void> {
    const part = this.#part;
    if (part === undefined) return;
    const table = part.table.encode();
    const sink = await this.#sinkOf(part);
    await sink.write(table);
    await sink.close();
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
