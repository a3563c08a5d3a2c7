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
 * Reads one send stream, given in pieces of any size, and lets nothing pass that it did not
 * check: magic and version; each command's length (before memory is taken for it), CRC and
 * attributes; SUBVOL or SNAPSHOT first and only there; END last, with nothing after it; and the
 * paths. Takes at most one command's length of memory (192 KiB), symlinks aside.
 */
export class StreamReader {
  readonly #guard: SymlinkGuard | undefined;
  #version: StreamVersion | undefined;
  #offset = 0;
  #ended = false;
  #busy = false;
  /** The beginning of the header or command that the pieces so far did not complete. */
  #begun: Uint8Array = new Uint8Array(0);
  #have = 0;
  #completed: Uint8Array[] = [];

  /** `checkPaths` false (default true): takes any path, to look at a stream that is refused. */
  constructor(options: { checkPaths?: boolean } = {}) {
    this.#guard = options.checkPaths === false ? undefined : new SymlinkGuard();
  }

  /** Version of the stream, once its header was read. */
  get version(): StreamVersion | undefined {
    return this.#version;
  }

  /** Bytes of the stream, from its start, that are complete and checked. */
  get offset(): number {
    return this.#offset;
  }

  /** Whether END was read. */
  get ended(): boolean {
    return this.#ended;
  }

  /**
   * Takes the next bytes of the stream and gives the commands that they complete, in order. To
   * be iterated to its end before anything else is asked of the reader.
   *
   * Commands are views into `bytes`, but the one that began in an earlier piece, which is a copy
   * of its own. Whoever keeps a command for longer than the bytes live copies it.
   *
   * @throws Failure `stream-malformed`, `stream-version`, `stream-checksum` or
   *   `stream-unsafe-path`, after which the reader is of no more use
   */
  *push(bytes: Uint8Array): Generator<Command, void, undefined> {
    if (this.#busy) throw new Error('the piece before was not read to its end, or failed');
    this.#busy = true;
    this.#completed = [];
    const completed: Uint8Array[] = [];
    // A Buffer's slices would share its memory.
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
   * The bytes that the last piece completed, checked: at most two, first a copy of what began
   * earlier, then a view into the piece. All of them together, in order, are the stream.
   */
  completed(): Uint8Array[] {
    return this.#completed;
  }

  /**
   * To be called when the stream has no more bytes.
   *
   * @throws Failure `stream-truncated` when END was not read
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
   * Bytes of the header or command whose first `available` bytes stand at `at`; of its own
   * header, as long as that is not complete.
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

  /** Adds to what was begun, up to its end. Returns how many bytes of the piece that took. */
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

  /** Checks one whole header or command. */
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
