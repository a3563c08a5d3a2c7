import { Failure } from '../../failure/failure.ts';
import type { Unsealed } from '../../manifest/document.ts';
import type { ManifestPart, Segment } from '../../manifest/schema.ts';
import { checksumOf, FramesHash } from '../../zstd/checksum.ts';
import { FRAME_SIZE } from '../../zstd/frame.ts';
import type { CompressedFrame } from '../../zstd/frame-states.ts';
import type { FramePool } from '../../zstd/pool.ts';
import { type Describe, Draft } from './draft.ts';
import type { OpenArchive } from './drafts.ts';
import type { DraftSettings } from './journal.ts';

/** The id and label of an archive, as the parts of a stream name it. */
export type MediumName = Exclude<NonNullable<ManifestPart['medium']>, string>;

/** A medium that is locked for writing. */
export interface OpenMedium extends OpenArchive {
  readonly named: MediumName;
  /** The largest file that it takes, bytes. */
  readonly maxFileSize: number;
}

/** The media that one stream is spread over. */
export interface Media {
  /** The medium that the stream begins on, or on which it continues after an interruption. */
  readonly first: OpenMedium;
  /** The medium that follows the last one, as far as that is known before it is opened. */
  following(): Segment['span']['next'];
  /**
   * Opens the medium that follows.
   *
   * @param bytes of stream that are written
   * @throws {Failure} `no-space` if there is none
   */
  next(bytes: number): Promise<OpenMedium>;
}

/** The last segment that an interrupted run wrote of a stream. */
export interface Begun {
  readonly segment: Segment;
  /** The archive that the segment lies in. */
  readonly medium: MediumName;
}

/** The way to spread a stream. */
export interface Span {
  readonly media: Media;
  readonly begun: Begun | undefined;
}

export interface SpannedOptions extends Span {
  /** Name of the stream's directory on each medium. */
  readonly directory: string;
  /** `maxPartSize` is the largest on any medium. */
  readonly settings: DraftSettings;
  readonly pool: FramePool;
  readonly describeSegment: (
    span: Segment['span'],
    length: number,
    parts: ManifestPart[],
    framesXxh64: string,
  ) => Unsealed<Segment>;
  readonly onDifference: (store: OpenArchive['store'], used: string) => void;
}

/**
 * A stream that fills one medium after another. It takes frames as {@link import('./drafts.ts').Drafts}
 * does. If segments of an interrupted run exist, it compares the beginning of the stream with the hash
 * of their frames.
 */
export class SpannedDraft {
  readonly #options: SpannedOptions;
  readonly #hash = new FramesHash();
  /** Frames at the start of the stream that lie on media of an interrupted run. */
  readonly #begunFrames: number;
  #medium: OpenMedium;
  #draft!: Draft;
  #parts: ManifestPart[];
  /** Number of the medium among those of the stream, from 1. */
  #number: number;
  #frames = 0;
  #keptFrames = 0;
  #isKeeping = true;
  /** Bytes stored in this run on media that are full. */
  #storedBefore = 0;

  private constructor(options: SpannedOptions) {
    const { begun, media } = options;
    this.#options = options;
    this.#medium = media.first;
    this.#parts = begun === undefined ? [] : named(begun.segment.parts, begun.medium);
    this.#number = (begun?.segment.span.number ?? 0) + 1;
    this.#begunFrames = (begun?.segment.stream.length ?? 0) / FRAME_SIZE;
  }

  /** @throws {Failure} `no-space` if no medium has room; those of the store */
  static async open(options: SpannedOptions): Promise<SpannedDraft> {
    const spanned = new SpannedDraft(options);
    const expected = options.begun?.segment.stream.framesXxh64;
    await spanned.#openDraft(expected, false);
    const { useless } = spanned.#draft;
    if (useless !== undefined) {
      options.onDifference(spanned.#medium.store, `nothing: ${useless}`);
    }
    return spanned;
  }

  /** Bytes stored so far in this run. */
  get stored(): number {
    return this.#storedBefore + this.#draft.stored;
  }

  /** Number of frames so far, and of those that an interrupted run had written. */
  get frames(): { readonly frames: number; readonly reusedFrames: number } {
    return { frames: this.#frames, reusedFrames: this.#begunFrames + this.#keptFrames };
  }

  /** @returns whether the frame must be compressed and added */
  async offer(plain: Uint8Array): Promise<boolean> {
    const number = this.#frames++;
    if (number < this.#begunFrames) {
      this.#hash.add(checksumOf(plain));
      if (number === this.#begunFrames - 1) this.#assertBegun();
      return false;
    }
    if (!this.#isKeeping) return true;
    if (await this.#draft.keep(plain, this.#options.pool)) {
      this.#keptFrames++;
      return false;
    }
    this.#isKeeping = false;
    const { earlierFrames } = this.#draft;
    if (this.#keptFrames < earlierFrames) {
      const used = `${this.#keptFrames} of ${earlierFrames} frames`;
      this.#options.onDifference(this.#medium.store, used);
    }
    return true;
  }

  /** Adds a frame, on the next medium if this one is full. */
  async add(frame: CompressedFrame): Promise<void> {
    this.#medium.lost.throwIfAborted();
    while (!(await this.#draft.addIfRoom(frame))) await this.#continue();
  }

  /** Publishes the rest of the stream with the manifest of all of it. */
  async publish(describe: Describe): Promise<void> {
    if (this.#frames < this.#begunFrames) throw this.#differs();
    await this.#draft.publish(describe);
  }

  /** Leaves the files for the next run. */
  async leave(): Promise<void> {
    await this.#draft.leave().catch(() => {});
  }

  /** Ends this medium, and opens a draft on the next one. */
  async #continue(): Promise<void> {
    const { media, describeSegment } = this.#options;
    if (this.#draft.stored === 0) {
      await this.#draft.discard();
    } else {
      const span = { number: this.#number, next: media.following() };
      const parts = await this.#draft.publishSegment((all, framesXxh64) =>
        describeSegment(span, lengthOf(all), all, framesXxh64),
      );
      this.#storedBefore += this.#draft.stored;
      this.#parts = named(parts, this.#medium.named);
      this.#number++;
    }
    this.#medium = await media.next(lengthOf(this.#parts));
    await this.#openDraft(this.#hash.hex(), true);
  }

  /** @param framesXxh64 of the beginning; undefined if there is none */
  async #openDraft(framesXxh64: string | undefined, anew: boolean): Promise<void> {
    const { directory, settings, media } = this.#options;
    for (;;) {
      const { store, maxFileSize } = this.#medium;
      const own: DraftSettings = {
        ...settings,
        maxPartSize: Math.min(settings.maxPartSize, maxFileSize),
        ...(this.#parts.length === 0 ? {} : { after: `${this.#parts.length} ${framesXxh64}` }),
      };
      const beginning = { parts: this.#parts, hash: this.#hash };
      this.#draft = await Draft.open(store, directory, own, { beginning, anew });
      if (this.#draft.isOfUse) return;
      await this.#draft.discard();
      this.#medium = await media.next(lengthOf(this.#parts));
    }
  }

  #assertBegun(): void {
    if (this.#hash.hex() !== this.#options.begun?.segment.stream.framesXxh64) throw this.#differs();
  }

  /** The stream is not the one that was begun on other media. */
  #differs(): Failure {
    const { directory, begun } = this.#options;
    const { label, id } = begun?.medium ?? {};
    return new Failure(
      'archive-conflict',
      `btrfs send does not write again the beginning of ${directory} that ${label ?? id} has`,
      {
        hint: 'use the same kernel, parent and --proto as before; or remove that directory from every medium, and begin anew',
        where: {
          file: directory,
          expected: begun?.segment.stream.framesXxh64 ?? '',
          found: this.#hash.hex(),
        },
      },
    );
  }
}

/** Names the medium of each part that names none. */
function named(parts: readonly ManifestPart[], medium: MediumName): ManifestPart[] {
  return parts.map((part) => (part.medium === undefined ? { ...part, medium } : part));
}

function lengthOf(parts: readonly ManifestPart[]): number {
  return parts.reduce((sum, { streamLength }) => sum + streamLength, 0);
}
