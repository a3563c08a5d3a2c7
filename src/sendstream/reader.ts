import { Failure } from '../failure/failure.ts';
import {
  COMMAND_HEADER,
  type Command,
  commandLimit,
  MAGIC,
  STREAM_HEADER,
  type StreamVersion,
} from './commands.ts';
import { CRC_OFFSET, commandChecksum } from './crc32c.ts';
import { decodeCommand } from './decode.ts';
import { malformed } from './malformed.ts';
import { checkPaths } from './paths.ts';
import { SymlinkGuard } from './symlinks.ts';

/**
 * Reads one send stream from pieces of any size. Checks everything before it passes: magic and
 * version; the length of each command, before it takes memory for it; CRC, attributes and paths;
 * that SUBVOL or SNAPSHOT comes first and only there; that END comes last. Uses memory for one
 * command (192 KiB), and for symlinks.
 */
export class StreamReader {
  readonly #guard: SymlinkGuard | undefined;
  #version: StreamVersion | undefined;
  #offset = 0;
  #ended = false;
  #busy = false;
  /** The start of a header or command whose rest is in later pieces. */
  #begun: Uint8Array = new Uint8Array(0);
  #have = 0;
  #completed: Uint8Array[] = [];

  /**
   * @param options `checkPaths` (default true): refuse unsafe paths. Turn it off only to look at a
   *   stream.
   */
  constructor(options: { checkPaths?: boolean } = {}) {
    this.#guard = options.checkPaths === false ? undefined : new SymlinkGuard();
  }

  /** The version of the stream; undefined before its header was read. */
  get version(): StreamVersion | undefined {
    return this.#version;
  }

  /** Bytes from the start of the stream that are complete and checked. */
  get offset(): number {
    return this.#offset;
  }

  /** END was read. */
  get ended(): boolean {
    return this.#ended;
  }

  /**
   * Takes the next bytes of the stream and yields the commands that they complete, in order.
   * Iterate it to its end before you use the reader again.
   *
   * Commands are views into `bytes`, except for one that began in an earlier piece, which is a
   * copy. Copy a command to keep it longer than `bytes`.
   *
   * @throws {Failure} `stream-malformed`, `stream-version`, `stream-checksum` or
   *   `stream-unsafe-path`. Afterwards the reader cannot be used.
   */
  *push(bytes: Uint8Array): Generator<Command, void, undefined> {
    if (this.#busy) throw new Error('the piece before was not read to its end, or failed');
    this.#busy = true;
    this.#completed = [];
    const completed: Uint8Array[] = [];
    // A slice of a Buffer would share its memory.
    const piece = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);

    let at = 0;
    if (this.#have > 0) {
      at = this.#gather(piece);
      const whole = this.#begun;
      if (this.#have === this.#wanted(whole, 0, this.#have)) {
        this.#have = 0;
        completed.push(whole);
        const command = this.#accept(whole);
        if (command !== undefined) yield command;
      }
    }

    const start = at;
    while (at < piece.length) {
      const length = this.#wanted(piece, at, piece.length - at);
      if (length > piece.length - at) break;
      const command = this.#accept(piece.subarray(at, at + length));
      at += length;
      if (command !== undefined) yield command;
    }
    if (at > start) completed.push(piece.subarray(start, at));
    if (at < piece.length) {
      this.#begun = new Uint8Array(piece.subarray(at));
      this.#have = piece.length - at;
    }

    this.#completed = completed;
    this.#busy = false;
  }

  /**
   * Returns the checked bytes that the last piece completed: at most two pieces, first a copy of
   * earlier bytes, then a view into the last piece. Joined in order, all of them are the stream.
   */
  completed(): Uint8Array[] {
    return this.#completed;
  }

  /**
   * Call it when the stream has no more bytes.
   *
   * @throws {Failure} `stream-truncated` if END was not read
   */
  finish(): void {
    if (this.#busy) throw new Error('the piece before was not read to its end, or failed');
    if (this.#ended) return;
    const length = this.#offset + this.#have;
    const place =
      this.#version === undefined
        ? 'within its header'
        : this.#have > 0
          ? `within the command at byte ${this.#offset}`
          : 'without an END command';
    throw new Failure(
      'stream-truncated',
      length === 0
        ? 'the send stream is empty'
        : `the send stream stops after ${length} bytes, ${place}`,
      { where: { offset: length } },
    );
  }

  /**
   * Returns the bytes of the header or command at `at`, of which `available` bytes are there.
   * Without a complete header of its own, returns the length of that.
   */
  #wanted(bytes: Uint8Array, at: number, available: number): number {
    if (this.#version === undefined) return STREAM_HEADER;
    if (this.#ended) throw malformed(this.#offset, 'there are bytes after END');
    if (available < COMMAND_HEADER) return COMMAND_HEADER;
    const length = COMMAND_HEADER + readU32(bytes, at);
    const limit = commandLimit[this.#version];
    if (length > limit) {
      throw malformed(this.#offset, `a command of ${length} bytes; at most ${limit} are possible`);
    }
    return length;
  }

  /** Adds bytes to the unfinished header or command. Returns the number of bytes that it took. */
  #gather(piece: Uint8Array): number {
    let at = 0;
    for (;;) {
      const wanted = this.#wanted(this.#begun, 0, this.#have);
      if (this.#begun.length !== wanted) {
        const grown = new Uint8Array(wanted);
        grown.set(this.#begun.subarray(0, this.#have));
        this.#begun = grown;
      }
      const part = piece.subarray(at, at + wanted - this.#have);
      this.#begun.set(part, this.#have);
      this.#have += part.length;
      at += part.length;
      if (part.length === 0 || this.#have < wanted) return at;
    }
  }

  /** Checks one header or command. */
  #accept(bytes: Uint8Array): Command | undefined {
    if (this.#version === undefined) {
      this.#version = readHeader(bytes);
      this.#offset = STREAM_HEADER;
      return undefined;
    }
    const offset = this.#offset;
    checkChecksum(bytes, offset);
    const command = decodeCommand(bytes, offset, this.#version);
    const opens = command.type === 'SUBVOL' || command.type === 'SNAPSHOT';
    if (opens !== (offset === STREAM_HEADER)) {
      throw malformed(
        offset,
        opens
          ? `${command.type} after the first command`
          : `begins with ${command.type} instead of SUBVOL or SNAPSHOT`,
      );
    }
    if (this.#guard !== undefined) {
      checkPaths(command);
      this.#guard.check(command);
    }
    this.#ended = command.type === 'END';
    this.#offset = offset + bytes.length;
    return command;
  }
}

function readHeader(header: Uint8Array): StreamVersion {
  if (MAGIC.some((byte, i) => byte !== header[i])) {
    throw new Failure('stream-malformed', 'not a btrfs send stream: it begins otherwise', {
      where: { offset: 0 },
    });
  }
  const version = readU32(header, MAGIC.length);
  if (version === 1 || version === 2) return version;
  throw new Failure('stream-version', `send stream of version ${version}; 1 and 2 are known`, {
    hint: 'send it again with --proto 2, or use a newer btrferry',
    where: { offset: MAGIC.length, expected: '1 or 2', found: String(version) },
  });
}

function checkChecksum(bytes: Uint8Array, offset: number): void {
  const expected = readU32(bytes, CRC_OFFSET);
  const found = commandChecksum(bytes);
  if (found === expected) return;
  throw new Failure(
    'stream-checksum',
    `the command at byte ${offset} of the stream does not match its checksum`,
    { where: { offset, expected: hex(expected), found: hex(found) } },
  );
}

function readU32(bytes: Uint8Array, at: number): number {
  const [a = 0, b = 0, c = 0, d = 0] = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
  return (a | (b << 8) | (c << 16) | (d << 24)) >>> 0;
}

function hex(value: number): string {
  return value.toString(16).padStart(8, '0');
}
