import type { Identity } from '../names/identity.ts';
import { StreamReader } from './reader.ts';
import { StreamSummary, type Summary } from './summary.ts';

/**
 * All that is learned of a stream while it passes, in one direction or the other: every command
 * is checked, and what the stream is, needs and holds is gathered.
 */
export class StreamExamination {
  readonly #reader = new StreamReader();
  readonly #summary = new StreamSummary();

  /**
   * Takes the next bytes of the stream.
   *
   * @returns the bytes that are checked now: at most two pieces, views into what began earlier
   *   and into `piece`.
   * @throws Failure of {@link StreamReader.push}
   */
  push(piece: Uint8Array): Uint8Array[] {
    for (const command of this.#reader.push(piece)) this.#summary.add(command);
    return this.#reader.completed();
  }

  /** What the first command announces; undefined before it was read. */
  get announced(): { readonly identity: Identity; readonly parent: Identity | null } | undefined {
    return this.#summary.announced;
  }

  /** The clone sources that the commands so far named. */
  get cloneSources(): Identity[] {
    return this.#summary.cloneSources;
  }

  /** Bytes of the stream that are checked. */
  get offset(): number {
    return this.#reader.offset;
  }

  /**
   * The summary of the whole stream.
   *
   * @throws Failure `stream-truncated`
   */
  finish(): Summary {
    this.#reader.finish();
    return this.#summary.result(this.#reader.version ?? 1);
  }
}
