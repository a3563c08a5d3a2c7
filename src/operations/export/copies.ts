import { type Describe, Draft } from '../../archive/draft.ts';
import type { DraftSettings } from '../../archive/journal.ts';
import { STREAMS } from '../../archive/layout.ts';
import { Failure } from '../../failure/failure.ts';
import type { Store } from '../../store/store.ts';
import type { CompressedFrame, FramePool } from '../../zstd/pool.ts';

/** The draft of one stream in one archive. */
interface Copy {
  readonly store: Store;
  readonly draft: Draft;
  /** The first frame that the draft does not have from an earlier run; until it is known, null. */
  from: number | null;
}

export interface CopiesOptions {
  readonly stores: readonly Store[];
  readonly directory: string;
  readonly settings: DraftSettings;
  /** Decompresses what earlier runs left: one slot for each copy at a time. */
  readonly pool: FramePool;
  /** A copy is given up; the others go on. */
  readonly onFailure: (store: Store, failure: Failure) => void;
  /** A copy can't use all that an interrupted export left: how much of it, and why, in words. */
  readonly onDifference: (store: Store, used: string) => void;
}

/**
 * The drafts of one stream in several archives, written at the pace of the slowest. One that
 * fails is given up, and the others go on; the last one's failure is thrown.
 */
export class Copies {
  readonly #options: CopiesOptions;
  #copies: Copy[] = [];
  #frames = 0;
  /** Numbers of the frames that are being compressed, in order. */
  readonly #wanted: number[] = [];

  private constructor(options: CopiesOptions) {
    this.#options = options;
  }

  static async open(options: CopiesOptions): Promise<Copies> {
    const copies = new Copies(options);
    const { directory, settings } = options;
    const opened = options.stores.map(async (store) => {
      await assertFree(store, directory);
      const draft = await Draft.open(store, directory, settings);
      if (draft.useless !== undefined) options.onDifference(store, `nothing: ${draft.useless}`);
      return { store, draft, from: draft.earlierFrames === 0 ? 0 : null };
    });
    for (const [at, result] of (await Promise.allSettled(opened)).entries()) {
      if (result.status === 'fulfilled') copies.#copies.push(result.value);
      else copies.#failed(options.stores[at] as Store, result.reason, opened.length === 1);
    }
    copies.#assertAny();
    return copies;
  }

  /** Archives that are still being written to. */
  get stores(): Store[] {
    return this.#copies.map(({ store }) => store);
  }

  /** Bytes stored of the largest copy. */
  get stored(): number {
    return Math.max(0, ...this.#copies.map(({ draft }) => draft.stored));
  }

  /** Frames of the stream so far, and those of them that no copy needed compressed. */
  get frames(): { readonly frames: number; readonly reusedFrames: number } {
    const kept = this.#copies.map(({ draft }) => draft.keptFrames);
    return { frames: this.#frames, reusedFrames: kept.length === 0 ? 0 : Math.min(...kept) };
  }

  /**
   * Offers the next frame of stream to what earlier runs left.
   *
   * @returns whether a copy needs it: then it is to be compressed, and {@link add}ed in turn.
   */
  async offer(plain: Uint8Array): Promise<boolean> {
    const number = this.#frames++;
    const open = this.#copies.filter((copy) => copy.from === null);
    await this.#each(open, async (copy) => {
      if (await copy.draft.keep(plain, this.#options.pool)) return;
      copy.from = number;
      const { keptFrames, earlierFrames } = copy.draft;
      if (keptFrames < earlierFrames) {
        this.#options.onDifference(copy.store, `${keptFrames} of ${earlierFrames} frames`);
      }
    });
    if (!this.#copies.some(({ from }) => from !== null)) return false;
    this.#wanted.push(number);
    return true;
  }

  /** Appends the next of the frames that were wanted, where it is. */
  async add(frame: CompressedFrame): Promise<void> {
    const number = this.#wanted.shift() as number;
    const lacking = this.#copies.filter(({ from }) => from !== null && from <= number);
    await this.#each(lacking, ({ draft }) => draft.add(frame));
  }

  async publish(describe: Describe): Promise<void> {
    await this.#each([...this.#copies], ({ draft }) => draft.publish(describe));
  }

  /** Leaves what was written for the next run to go on with. */
  async leave(): Promise<void> {
    await Promise.all(this.#copies.map(({ draft }) => draft.leave().catch(() => {})));
  }

  async #each(copies: readonly Copy[], action: (copy: Copy) => Promise<void>): Promise<void> {
    const results = await Promise.allSettled(copies.map(action));
    for (const [at, result] of results.entries()) {
      if (result.status === 'fulfilled') continue;
      const copy = copies[at] as Copy;
      const last = this.#copies.length === 1;
      this.#copies = this.#copies.filter((other) => other !== copy);
      await copy.draft.leave().catch(() => {});
      this.#failed(copy.store, result.reason, last);
    }
  }

  #failed(store: Store, error: unknown, last: boolean): void {
    if (last || !(error instanceof Failure) || error.code === 'interrupted') throw error;
    this.#options.onFailure(store, error);
  }

  #assertAny(): void {
    if (this.#copies.length > 0) return;
    throw new Failure('storage-failed', 'none of the archives can be written to', {
      hint: 'what is wrong with each is told above',
    });
  }
}

/** Nothing published is ever replaced, also not a stream whose manifest was damaged. */
async function assertFree(store: Store, directory: string): Promise<void> {
  if (!(await store.list(STREAMS)).some(({ name }) => name === directory)) return;
  throw new Failure('archive-conflict', `${STREAMS}/${directory} is there, but is not usable`, {
    hint: 'move that directory out of the archive, then run the same command again',
    where: { path: `${store.location}/${STREAMS}/${directory}` },
  });
}
