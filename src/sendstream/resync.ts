import {
  COMMAND_HEADER,
  type Command,
  commandLimit,
  STREAM_HEADER,
  type StreamVersion,
} from './commands.ts';
import { isHeader, plausibleLength, readCommand } from './salvage.ts';

/** A range of a damaged stream whose commands are lost. `to` is exclusive. */
export interface Lost {
  readonly type: 'LOST';
  /** Bytes from the start of the stream. */
  readonly from: number;
  readonly to: number;
}

/**
 * Limits on checks of a CRC that fail. Each scanned byte allows `CHECKED_PER_BYTE` more bytes to be
 * checked, up to `CHECKED_LIMIT` at a time, so that a hostile stream takes linear time.
 */
const CHECKED_PER_BYTE = 64;
const CHECKED_LIMIT = 256 * 1024 * 1024;

/**
 * Reads the commands of a damaged stream that are proved to be its own. File data can hold another
 * send stream, whose commands have good checksums too, so a good checksum proves nothing after a
 * loss. The length of a command does: the one that a loss cut into ends at most one longest command
 * (64 KiB in version 1, 192 KiB in version 2) after the loss. So one of the boundaries in this
 * window is a true one. The reader follows the commands from every possible boundary in it, and
 * takes commands again only where all that can be followed have met.
 */
export class Resync {
  readonly #version: StreamVersion;
  readonly #length: number;
  readonly #limit: number;
  /** Bytes that were not taken yet, and the offset of the first. */
  #pending: Buffer = Buffer.alloc(0);
  #offset = 0;
  /** Start of the open loss; undefined while the next command is known to begin at `#offset`. */
  #lostFrom: number | undefined;
  /** The last place of the window. */
  #windowEnd = 0;
  /** Where commands that could be followed would continue. */
  #expected = new Set<number>();
  #allowance = CHECKED_LIMIT;

  /** @param length bytes of the whole stream. Both are from the manifest. */
  constructor(version: StreamVersion, length: number) {
    this.#version = version;
    this.#length = length;
    this.#limit = commandLimit[version];
  }

  /**
   * Takes the next bytes of the stream, and yields the commands that they complete and the ranges
   * that are lost, in order and without a gap but for the header of the stream. Commands are views
   * that are valid until the next call.
   */
  *push(piece: Uint8Array): Generator<Command | Lost, void, undefined> {
    this.#pending = Buffer.concat([this.#pending, piece]);
    yield* this.#advance();
  }

  /** Skips bytes that are lost. */
  gap(length: number): void {
    this.#lostFrom ??= this.#offset;
    this.#offset += this.#pending.length + length;
    this.#pending = Buffer.alloc(0);
    this.#open(this.#offset);
  }

  /** Ends the stream, and yields its last loss. */
  *finish(): Generator<Lost, void, undefined> {
    const to = this.#offset + this.#pending.length;
    const from = this.#lostFrom ?? this.#offset;
    if (from < to) yield { type: 'LOST', from, to };
  }

  *#advance(): Generator<Command | Lost, void, undefined> {
    if (this.#offset === 0 && this.#lostFrom === undefined) {
      if (this.#pending.length < STREAM_HEADER) return;
      if (isHeader(this.#pending, this.#version)) this.#skip(STREAM_HEADER);
      else this.#lose();
    }
    for (;;) {
      if (this.#lostFrom === undefined) {
        const command = this.#commandAt(this.#offset);
        if (command === 'short') return;
        if (command === undefined) {
          this.#lose();
          continue;
        }
        yield command;
        this.#skip(this.#offset + command.bytes.length);
      } else {
        const at = this.#search();
        if (at === undefined) return;
        yield { type: 'LOST', from: this.#lostFrom, to: at };
        this.#lostFrom = undefined;
      }
    }
  }

  /** No command can be read at `#offset`. */
  #lose(): void {
    this.#lostFrom = this.#offset;
    this.#skip(this.#offset + 1);
    this.#open(this.#offset);
  }

  #skip(to: number): void {
    this.#pending = this.#pending.subarray(to - this.#offset);
    this.#offset = to;
  }

  /** Opens a window: a command begins in it, or the stream ends. */
  #open(at: number): void {
    this.#windowEnd = at + this.#limit;
    this.#expected = new Set();
  }

  /** Finds the next place where a command is proved to begin; undefined if it needs more bytes. */
  #search(): number | undefined {
    for (;;) {
      if (this.#offset > this.#windowEnd) {
        const [only, ...others] = this.#expected;
        if (only === undefined) this.#open(this.#offset);
        else {
          this.#skip(Math.min(only, ...others));
          if (others.length === 0) return only;
        }
      }
      const at = this.#offset;
      const command = this.#commandAt(at);
      if (command === 'short') return undefined;
      this.#expected.delete(at);
      if (command !== undefined) this.#expected.add(at + command.bytes.length);
      this.#skip(at + 1);
      this.#allowance = Math.min(CHECKED_LIMIT, this.#allowance + CHECKED_PER_BYTE);
      // A place that was not checked could be the true one.
      if (this.#allowance === 0) this.#open(this.#offset);
    }
  }

  /** The command that can begin at an offset; `short` if that needs more bytes to tell. */
  #commandAt(offset: number): Command | 'short' | undefined {
    const at = offset - this.#offset;
    const { length: end } = this.#pending;
    if (end - at < COMMAND_HEADER) return 'short';
    const view = new DataView(this.#pending.buffer, this.#pending.byteOffset, end);
    const length = plausibleLength(view, at, this.#version);
    if (length === undefined || offset + length > this.#length) return undefined;
    if (at + length > end) return 'short';
    if (length > this.#allowance) {
      this.#allowance = 0;
      return undefined;
    }
    const bytes = new Uint8Array(this.#pending.buffer, this.#pending.byteOffset + at, length);
    const command = readCommand(bytes, this.#version);
    if (command === undefined) this.#allowance -= length;
    return command !== undefined && this.#mayBegin(command, offset)
      ? { ...command, offset }
      : undefined;
  }

  /** SUBVOL and SNAPSHOT come first and nowhere else, and END comes last. */
  #mayBegin({ type, bytes }: Command, offset: number): boolean {
    if (type === 'SUBVOL' || type === 'SNAPSHOT') return offset === STREAM_HEADER;
    if (type === 'END') return offset + bytes.length === this.#length;
    return offset > STREAM_HEADER && offset + bytes.length < this.#length;
  }
}
