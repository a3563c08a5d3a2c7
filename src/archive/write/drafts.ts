import { Failure } from '../../failure/failure.ts';
import type { WritableStore } from '../../store/store.ts';
import type { CompressedFrame } from '../../zstd/frame-states.ts';
import type { FramePool } from '../../zstd/pool.ts';
import { type Describe, Draft } from './draft.ts';
import type { DraftSettings } from './journal.ts';

/** An archive that is locked for writing. */
export interface OpenArchive {
  readonly store: WritableStore;
  /** Aborted when the lock is lost: see {@link import('../../store/store.ts').Lock}. */
  readonly lost: AbortSignal;
}

/** The draft of the stream in one archive. */
interface OpenDraft {
  readonly archive: OpenArchive;
  readonly draft: Draft;
  /** Number of the first frame that the draft lacks; null until that is known. */
  from: number | null;
}

export interface DraftsOptions {
  readonly archives: readonly OpenArchive[];
  /** Name of the stream's directory. */
  readonly directory: string;
  readonly settings: DraftSettings;
  /** Lends one slot to each draft, to decompress what interrupted runs left. */
  readonly pool: FramePool;
  /** Called when one of several archives fails. The stream goes on in the others. */
  readonly onFailure: (store: WritableStore, failure: Failure) => void;
  /** Called when a draft cannot use all frames of an interrupted run. `used` says which, in words. */
  readonly onDifference: (store: WritableStore, used: string) => void;
}

/**
 * The drafts of one stream in several archives, written at the pace of the slowest. An archive that
 * fails is left out from then on; the failure of the last one is thrown.
 */
export class Drafts {
  readonly #options: DraftsOptions;
  #drafts: OpenDraft[] = [];
  #frames = 0;
  /** Numbers of the frames that are being compressed, in order. */
  readonly #compressing: number[] = [];

  private constructor(options: DraftsOptions) {
    this.#options = options;
  }

  /** @throws {Failure} of the only archive, or `storage-failed` if all of several fail */
  static async open(options: DraftsOptions): Promise<Drafts> {
    const drafts = new Drafts(options);
    const { archives, directory, settings } = options;
    const opened = archives.map(async (archive) => {
      const draft = await Draft.open(archive.store, directory, settings);
      if (draft.useless !== undefined) {
        options.onDifference(archive.store, `nothing: ${draft.useless}`);
      }
      return { archive, draft, from: draft.earlierFrames === 0 ? 0 : null };
    });
    for (const [at, result] of (await Promise.allSettled(opened)).entries()) {
      if (result.status === 'fulfilled') drafts.#drafts.push(result.value);
      else drafts.#failed(archives[at] as OpenArchive, result.reason, opened.length === 1);
    }
    drafts.#assertAny();
    return drafts;
  }

  /** Bytes stored of the largest draft. */
  get stored(): number {
    return Math.max(0, ...this.#drafts.map(({ draft }) => draft.stored));
  }

  /** Number of frames so far, and of those that no archive needed compressed. */
  get frames(): { readonly frames: number; readonly reusedFrames: number } {
    const kept = this.#drafts.map(({ draft }) => draft.keptFrames);
    return { frames: this.#frames, reusedFrames: kept.length === 0 ? 0 : Math.min(...kept) };
  }

  /**
   * Offers the next frame of the stream, uncompressed, to the drafts.
   *
   * @returns whether a draft lacks it. Then the caller must compress it and {@link add} it in turn.
   */
  async offer(plain: Uint8Array): Promise<boolean> {
    const number = this.#frames++;
    const undecided = this.#drafts.filter(({ from }) => from === null);
    await this.#each(undecided, async (open) => {
      const { draft, archive } = open;
      if (await draft.keep(plain, this.#options.pool)) return;
      open.from = number;
      const { keptFrames, earlierFrames } = draft;
      if (keptFrames < earlierFrames) {
        this.#options.onDifference(archive.store, `${keptFrames} of ${earlierFrames} frames`);
      }
    });
    if (!this.#drafts.some(({ from }) => from !== null)) return false;
    this.#compressing.push(number);
    return true;
  }

  /** Adds the next compressed frame to the drafts that lack it. */
  async add(frame: CompressedFrame): Promise<void> {
    const number = this.#compressing.shift() as number;
    const lacking = this.#drafts.filter(({ from }) => from !== null && from <= number);
    await this.#each(lacking, ({ draft }) => draft.add(frame));
  }

  /** Publishes the stream in every archive that has not failed. */
  async publish(describe: Describe): Promise<void> {
    await this.#each([...this.#drafts], ({ draft }) => draft.publish(describe));
  }

  /** Leaves the files for the next run. */
  async leave(): Promise<void> {
    await Promise.all(this.#drafts.map(({ draft }) => draft.leave().catch(() => {})));
  }

  async #each(
    drafts: readonly OpenDraft[],
    action: (open: OpenDraft) => Promise<void>,
  ): Promise<void> {
    const results = await Promise.allSettled(
      drafts.map(async (open) => {
        open.archive.lost.throwIfAborted();
        await action(open);
      }),
    );
    for (const [at, result] of results.entries()) {
      if (result.status === 'fulfilled') continue;
      const failed = drafts[at] as OpenDraft;
      const last = this.#drafts.length === 1;
      this.#drafts = this.#drafts.filter((other) => other !== failed);
      await failed.draft.leave().catch(() => {});
      this.#failed(failed.archive, result.reason, last);
    }
  }

  #failed({ store }: OpenArchive, error: unknown, last: boolean): void {
    if (last || !(error instanceof Failure) || error.code === 'interrupted') throw error;
    this.#options.onFailure(store, error);
  }

  #assertAny(): void {
    if (this.#drafts.length > 0) return;
    throw new Failure('storage-failed', 'none of the archives can be written to', {
      hint: 'see the errors above',
    });
  }
}
