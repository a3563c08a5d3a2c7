import type { Emit } from '../events/event.ts';
import type { Progress, StreamDone } from '../events/stream.ts';
import type { StreamName } from '../names/title.ts';

/** Milliseconds between two reports of progress. */
const INTERVAL = 100;

/** Counts the bytes of one stream, and reports its progress every 100 ms. */
export class Meter {
  bytes = 0;
  stored = 0;
  total: number | undefined;
  readonly #started = performance.now();
  #reported = this.#started;
  readonly #action: Progress['action'];
  readonly #stream: StreamName;
  readonly #emit: Emit;

  constructor(action: Progress['action'], stream: StreamName, emit: Emit) {
    this.#action = action;
    this.#stream = stream;
    this.#emit = emit;
  }

  /** Sets the bytes of stream and the bytes stored so far, and reports them. */
  advance(bytes: number, stored: number): void {
    this.bytes = bytes;
    this.stored = stored;
    this.tick();
  }

  /** Reports the progress, unless it did less than 100 ms ago. */
  tick(): void {
    const now = performance.now();
    if (now - this.#reported < INTERVAL) return;
    this.#reported = now;
    const { bytes, total } = this;
    const stored = Math.round(this.stored);
    this.#emit({ type: 'progress', action: this.#action, bytes, total, stored });
  }

  /**
   * Reports the end.
   *
   * @param at directory in the archive, or path of the subvolume
   */
  done(at: StreamName['name'], more: Pick<StreamDone, 'frames' | 'reusedFrames'> = {}): void {
    this.#emit({
      type: 'stream-done',
      action: this.#action,
      stream: this.#stream,
      at,
      bytes: this.bytes,
      stored: this.stored,
      seconds: this.seconds,
      ...more,
    });
  }

  get seconds(): number {
    return (performance.now() - this.#started) / 1000;
  }
}
