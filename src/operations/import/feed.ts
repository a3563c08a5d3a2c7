import type { Receiving } from '../../btrfs/receive.ts';
import { COMMAND_HEADER, STREAM_HEADER } from '../../sendstream/commands.ts';
import { renameFirst } from '../../sendstream/writer.ts';

/** Bytes of the command END, which has no attributes. */
const END_COMMAND = COMMAND_HEADER;

/**
 * Feeds `btrfs receive` while the caller checks the bytes that come next. It holds the last block
 * back until the next {@link Feed.write} or {@link Feed.end}, so END, and a stream of one block, are
 * handed over only after the whole stream was checked.
 */
export class Feed {
  readonly #start: () => Promise<Receiving>;
  #receiving: Receiving | undefined;
  /** A copy of checked bytes that were not handed over yet. */
  #held: Uint8Array | undefined;
  #handed = Promise.resolve();
  /** Buffers for the next block, and for the last one while it is being handed over. */
  #buffers: [Uint8Array, Uint8Array] = [new Uint8Array(0), new Uint8Array(0)];

  /** @param start starts `btrfs receive` when the first bytes are handed over */
  constructor(start: () => Promise<Receiving>) {
    this.#start = start;
  }

  get started(): boolean {
    return this.#receiving !== undefined;
  }

  /** Takes a copy of checked bytes. Its failure concerns the bytes before them. */
  async write(pieces: readonly Uint8Array[]): Promise<void> {
    await this.#handOver();
    const [next, last] = this.#buffers;
    this.#held = gathered(pieces, next);
    this.#buffers = [last, new Uint8Array(this.#held.buffer)];
  }

  /** Resolves when `btrfs receive` has read all commands but END. */
  async drain(): Promise<void> {
    const held = this.#held as Uint8Array;
    this.#held = held.subarray(0, -END_COMMAND);
    await this.#handOver();
    await this.#handed;
    await this.#receiving?.drain();
    this.#held = held.subarray(-END_COMMAND);
  }

  /** Hands over END, and waits until `btrfs receive` has ended. */
  async end(): Promise<void> {
    await this.#handOver();
    await this.#handed;
    const receiving = this.#receiving as Receiving;
    await receiving.end();
  }

  async abort(): Promise<void> {
    await this.#receiving?.abort();
  }

  async #handOver(): Promise<void> {
    if (this.#held === undefined) return;
    this.#receiving ??= await this.#start();
    await this.#handed;
    this.#handed = this.#receiving.write(this.#held);
    this.#handed.catch(() => {}); // thrown when the next block comes
  }
}

/** Joins pieces, in `buffer` if they fit. */
function gathered(pieces: readonly Uint8Array[], buffer: Uint8Array): Uint8Array {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const bytes = length > buffer.length ? new Uint8Array(length) : buffer.subarray(0, length);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/**
 * Changes the name of the subvolume in the first command of a stream.
 *
 * @param pieces the start of the stream; the first piece holds the first command. Changed in place.
 */
export function renameInStream(pieces: Uint8Array[], name: string): void {
  const [opening, ...others] = pieces;
  if (opening === undefined) return;
  const view = new DataView(opening.buffer, opening.byteOffset, opening.byteLength);
  const end = STREAM_HEADER + COMMAND_HEADER + view.getUint32(STREAM_HEADER, true);
  const header = opening.subarray(0, STREAM_HEADER);
  const command = renameFirst(opening.subarray(STREAM_HEADER, end), Buffer.from(name));
  pieces.splice(0, pieces.length, header, command, opening.subarray(end), ...others);
}
