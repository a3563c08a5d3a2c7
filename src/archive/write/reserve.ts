import { randomFillSync } from 'node:crypto';
import { Failure } from '../../failure/failure.ts';
import type { Stage, WritableStore } from '../../store/store.ts';

/** The file in a stage that keeps space for the end of a medium. */
const RESERVE_FILE = 'reserve';

/**
 * Bytes of that file: more than a segment or manifest (4 MiB), SHA256SUMS and the journal take. Bytes
 * that no filesystem can compress.
 */
const RESERVE_SIZE = 6 * 1024 * 1024;

/**
 * Space on a medium that a stream may fill. A file takes the space that the documents need at the end,
 * so they fit even if the filesystem tells no free space, or less is free than it told.
 */
export class Reserve {
  readonly #stage: Stage;
  #room: number;

  private constructor(stage: Stage, room: number) {
    this.#stage = stage;
    this.#room = room;
  }

  /**
   * Takes the reserve of a stage.
   *
   * @param keeps the stage keeps the files of an interrupted run, which count as room
   */
  static async take(store: WritableStore, stage: Stage, keeps: boolean): Promise<Reserve> {
    const kept = keeps ? stage.leftovers.filter(({ name }) => name !== RESERVE_FILE) : [];
    const stored = kept.reduce((sum, { length }) => sum + length, 0);
    try {
      const sink = await stage.write(RESERVE_FILE);
      try {
        await sink.write(randomFillSync(Buffer.alloc(RESERVE_SIZE)));
        await sink.close();
      } catch (error) {
        await sink.abandon();
        throw error;
      }
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== 'no-space') throw error;
      // An interruption between the release and the end of a medium: it gets no more frames.
      await stage.remove(RESERVE_FILE);
      return new Reserve(stage, 0);
    }
    const free = await store.freeSpace();
    return new Reserve(stage, free === undefined ? Number.POSITIVE_INFINITY : free + stored);
  }

  /** Bytes that the parts may have. */
  get room(): number {
    return this.#room;
  }

  /** Lets nothing more be written: the medium is full. */
  close(): void {
    this.#room = 0;
  }

  /** Gives the space back, for the documents. */
  async release(): Promise<void> {
    this.close();
    await this.#stage.remove(RESERVE_FILE);
  }
}
