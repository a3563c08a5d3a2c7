import type { Identity } from '../names/identity.ts';
import { StreamReader } from './reader.ts';
import { StreamSummary, type Summary } from './summary.ts';

/** Checks a stream while it passes, and gathers its summary. */
export class StreamExamination {
  readonly #reader = new StreamReader();
  readonly #summary = new StreamSummary();

  /**
   * Takes the next bytes of the stream.
   *
   * @returns the bytes that are checked now: at most two pieces, views into earlier bytes and into
   *   `piece`
   * @throws {Failure} those of {@link StreamReader.push}
   */
  push(piece: Uint8Array): Uint8Array[] {
    for (const command of this.#reader.push(piece)) this.#summary.add(command);
    return this.#reader.completed();
  }

  /** The identity and parent that the first command announces; undefined before it was read. */
  get announced(): { readonly identity: Identity; readonly parent: Identity | null } | undefined {
    return this.#summary.announced;
  }

  /** The clone sources of the commands so far. */
  get cloneSources(): Identity[] {
    return this.#summary.cloneSources;
  }

  /** The summary of the commands so far, of which there must be one. */
  get summary(): Summary {
    return this.#summary.result(this.#reader.version ?? 1);
  }

  /** Bytes of the stream that were checked. */
  get offset(): number {
    return this.#reader.offset;
  }

  /**
   * Returns the summary of the whole stream.
   *
   * @throws {Failure} `stream-truncated`
   */
  finish(): Summary {
    this.#reader.finish();
    return this.summary;
  }
}
