import { setImmediate } from 'node:timers/promises';
import { streamDifference } from '../../archive/read/match.ts';
import type { StreamVerified } from '../../events/verify.ts';
import { Failure } from '../../failure/failure.ts';
import type { Manifest } from '../../manifest/schema.ts';
import { byteString } from '../../names/byte-string.ts';
import { StreamExamination } from '../../sendstream/examination.ts';
import { Salvage } from '../../sendstream/salvage.ts';
import { checksumOf, FramesHash } from '../../zstd/checksum.ts';

/** Collects the readable bytes of a damaged stream in order, and finds out what is lost. */
export class Remains {
  readonly #manifest: Manifest;
  readonly #signal: AbortSignal;
  readonly #salvage: Salvage;
  readonly #hash = new FramesHash();
  /** Undefined when the stream turned out to be incomplete. */
  #examination: StreamExamination | undefined = new StreamExamination();
  #length = 0;

  constructor(manifest: Manifest, signal: AbortSignal) {
    this.#manifest = manifest;
    this.#signal = signal;
    this.#salvage = new Salvage(manifest.stream.protocol);
  }

  /**
   * Adds the next bytes of the stream. The caller may reuse the buffer afterwards.
   *
   * @throws the reason of the signal
   */
  async push(content: Uint8Array): Promise<void> {
    this.#salvage.push(content);
    // The checksum of the frame may not match these bytes, so compute it.
    this.#hash.add(checksumOf(content));
    this.#length += content.length;
    this.#examine((examination) => examination.push(content));
    await setImmediate();
    this.#signal.throwIfAborted();
  }

  /** Skips bytes that cannot be read. */
  gap(length: number): void {
    this.#salvage.gap(length);
    this.#examination = undefined;
  }

  finish(): Pick<StreamVerified, 'losses' | 'intact'> {
    const losses = this.#salvage.finish().map(({ from, to, paths, single }) => ({
      from,
      to,
      files: paths.map(byteString),
      complete: single,
    }));
    const difference = this.#examine((examination) =>
      streamDifference(this.#manifest, examination.finish(), this.#length, this.#hash.hex()),
    );
    return { losses, intact: this.#examination !== undefined && difference === undefined };
  }

  #examine<T>(look: (examination: StreamExamination) => T): T | undefined {
    try {
      return this.#examination && look(this.#examination);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      this.#examination = undefined;
      return undefined;
    }
  }
}
