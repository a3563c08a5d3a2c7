import { attributes, kindLength } from './attributes.ts';
import {
  COMMAND_HEADER,
  type Command,
  commandLimit,
  layoutByNumber,
  MAGIC,
  STREAM_HEADER,
  type StreamVersion,
} from './commands.ts';
import { CRC_OFFSET, commandChecksum } from './crc32c.ts';
import { decodeCommand } from './decode.ts';

/** A range of bytes in a damaged stream in which no command can be read. */
export interface Loss {
  /** Bytes from the start of the stream; `to` is exclusive. */
  readonly from: number;
  readonly to: number;
  /**
   * Paths that the lost commands probably touched: that of the first lost command, if it is legible,
   * and those of the commands just before and after the range, which usually concern the same file.
   * Commands that lie wholly within lost bytes may have touched other paths.
   */
  readonly paths: readonly Uint8Array[];
  /**
   * The range is exactly one command, or the header of the stream. Otherwise whole commands may be
   * lost, and any path may be affected.
   */
  readonly single: boolean;
}

/** The maximum number of separate losses. Later ones extend the range of the last. */
const LOSSES_LIMIT = 4096;
/** The most paths that are kept for one loss. */
const PATHS_LIMIT = 1000;
/**
 * Limits on checks of a CRC that fail. Each skipped byte allows `CHECKED_PER_BYTE` more bytes to be
 * checked, up to `CHECKED_LIMIT` at a time. Without them, a hostile stream in which a command seems
 * to begin every few bytes would take quadratic time.
 */
const CHECKED_PER_BYTE = 4;
const CHECKED_LIMIT = 16 * 1024 * 1024;

/**
 * Finds out what a damaged stream has lost. Takes the bytes that can be read and the lengths of the
 * gaps between them, and finds the next whole command by its CRC. Its findings are for reports:
 * bytes that it skipped must never be received.
 */
export class Salvage {
  readonly losses: Loss[] = [];
  readonly #version: StreamVersion;
  /** Readable bytes that belong to no command yet, and their offset. */
  #pending: Uint8Array = new Uint8Array(0);
  #offset = 0;
  /** Start of the current loss. */
  #lostFrom: number | undefined;
  /** End of the current loss if it is one command, or the header of the stream. */
  #lostTo: number | undefined;
  /** Bytes that may still be checked without success. */
  #allowance = CHECKED_LIMIT;
  #paths = new Map<string, Uint8Array>();
  #lastPath: Uint8Array | undefined;

  /** @param version from the manifest, because the header may be lost */
  constructor(version: StreamVersion) {
    this.#version = version;
  }

  /** Takes the next bytes of the stream. The caller may reuse the buffer afterwards. */
  push(piece: Uint8Array): void {
    this.#pending = Buffer.concat([this.#pending, piece]);
    this.#advance(false);
  }

  /** Skips bytes that are lost. */
  gap(length: number): void {
    this.#advance(true);
    this.#lose(this.#offset);
    this.#lostTo = undefined;
    this.#offset += this.#pending.length + length;
    this.#pending = new Uint8Array(0);
  }

  /** Ends the stream, and returns its losses. */
  finish(): readonly Loss[] {
    this.#advance(true);
    if (this.#pending.length > 0) this.#lose(this.#offset);
    this.#offset += this.#pending.length;
    this.#endLoss(this.#offset, undefined);
    return this.losses;
  }

  /**
   * Reads commands from the pending bytes.
   *
   * @param last no more bytes will follow them
   */
  #advance(last: boolean): void {
    let at = 0;
    if (this.#offset === 0 && this.#lostFrom === undefined) {
      if (this.#pending.length < STREAM_HEADER) return;
      at = STREAM_HEADER;
      if (!isHeader(this.#pending, this.#version)) this.#lose(0, STREAM_HEADER);
    }
    const { length: end } = this.#pending;
    const view = viewOf(this.#pending);
    while (at < end) {
      const length = plausibleLength(view, at, this.#version);
      if (length !== undefined && at + length > end && !last) break;
      const command = length === undefined ? undefined : this.#read(view, at, length);
      if (command !== undefined) {
        this.#endLoss(this.#offset + at, command);
        at += command.bytes.length;
        continue;
      }
      if (end - at < COMMAND_HEADER && !last) break;
      if (this.#lostFrom === undefined) {
        this.#lose(this.#offset + at, length);
        this.#note(pathIn(this.#pending.subarray(at)));
      }
      at++;
      this.#allowance = Math.min(CHECKED_LIMIT, this.#allowance + CHECKED_PER_BYTE);
    }
    this.#offset += at;
    this.#pending = new Uint8Array(this.#pending.subarray(at));
  }

  /** Returns the command of this length at `at`, if it is whole. */
  #read(view: DataView, at: number, length: number): Command | undefined {
    if (at + length > view.byteLength || length > this.#allowance) return undefined;
    if (!attributesFit(view, at, at + length, this.#version)) return undefined;
    const command = readCommand(this.#pending.subarray(at, at + length), this.#version);
    if (command === undefined) this.#allowance -= length;
    return command;
  }

  /**
   * Begins a loss if none is open.
   *
   * @param length of the command that seems to be lost
   */
  #lose(from: number, length?: number): void {
    if (this.#lostFrom !== undefined) return;
    this.#lostFrom = from;
    this.#lostTo = length === undefined ? undefined : from + length;
    this.#note(this.#lastPath);
  }

  #note(path: Uint8Array | undefined): void {
    if (path === undefined || this.#paths.size >= PATHS_LIMIT) return;
    this.#paths.set(Buffer.from(path).toString('latin1'), new Uint8Array(path));
  }

  /** Ends the open loss, if there is one, at `at`: a whole command begins there, or the stream ends. */
  #endLoss(at: number, command: Command | undefined): void {
    const path = command === undefined ? undefined : pathOf(command);
    if (this.#lostFrom !== undefined) {
      this.#note(path);
      const last = this.losses[LOSSES_LIMIT - 1];
      this.losses[Math.min(this.losses.length, LOSSES_LIMIT - 1)] = {
        from: last?.from ?? this.#lostFrom,
        to: at,
        paths: [...this.#paths.values()],
        single: last === undefined && this.#lostTo === at,
      };
      this.#lostFrom = undefined;
      // The last loss collects the paths of all that follow.
      if (this.losses.length < LOSSES_LIMIT) this.#paths = new Map();
    }
    if (path !== undefined) this.#lastPath = new Uint8Array(path);
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

/** Reports whether a stream begins with the header of this version. */
export function isHeader(bytes: Uint8Array, version: StreamVersion): boolean {
  const found = viewOf(bytes).getUint32(MAGIC.length, true);
  return MAGIC.every((byte, i) => byte === bytes[i]) && found === version;
}

/** Returns the length of the command that seems to begin at `at`; undefined if none can. */
export function plausibleLength(
  view: DataView,
  at: number,
  version: StreamVersion,
): number | undefined {
  if (at + COMMAND_HEADER > view.byteLength) return undefined;
  const length = COMMAND_HEADER + view.getUint32(at, true);
  if (length > commandLimit[version]) return undefined;
  return layoutByNumber[view.getUint16(at + 4, true)] === undefined ? undefined : length;
}

/** Decodes a command; undefined if its CRC differs, or if it is no command of this version. */
export function readCommand(bytes: Uint8Array, version: StreamVersion): Command | undefined {
  if (viewOf(bytes).getUint32(CRC_OFFSET, true) !== commandChecksum(bytes)) return undefined;
  try {
    return decodeCommand(bytes, 0, version);
  } catch {
    return undefined;
  }
}

/** Reports whether bytes can be the attributes of a command. This is much cheaper than a CRC. */
function attributesFit(view: DataView, start: number, end: number, version: StreamVersion) {
  const layout = layoutByNumber[view.getUint16(start + 4, true)];
  if (layout === undefined) return false;
  let seen = 0;
  let at = start + COMMAND_HEADER;
  while (at < end) {
    const type = at + 2 <= end ? view.getUint16(at, true) : 0;
    const slot = layout.byNumber[type];
    if (slot === undefined || (seen & (1 << type)) !== 0) return false;
    seen |= 1 << type;
    if (type === attributes.data.number && version === 2) {
      at = end;
      break;
    }
    if (at + 4 > end) return false;
    const length = view.getUint16(at + 2, true);
    if (length !== (kindLength[slot.kind] ?? length)) return false;
    at += 4 + length;
  }
  return at === end && (seen & layout.required) === layout.required;
}

/**
 * The path that a command concerns, the new one for RENAME. Undefined for the root directory, and for
 * commands without a path of a file.
 */
function pathOf(command: Command): Uint8Array | undefined {
  if (command.type === 'SUBVOL' || command.type === 'SNAPSHOT' || command.type === 'END') {
    return undefined;
  }
  const path = command.type === 'RENAME' ? command.pathTo : command.path;
  return path.length === 0 ? undefined : path;
}

/** The path of a damaged command that begins at `bytes[0]`, if its first attribute is a legible path. */
function pathIn(bytes: Uint8Array): Uint8Array | undefined {
  if (bytes.length < COMMAND_HEADER + 4) return undefined;
  const view = viewOf(bytes);
  const length = view.getUint16(COMMAND_HEADER + 2, true);
  if (view.getUint16(COMMAND_HEADER, true) !== attributes.path.number || length === 0) {
    return undefined;
  }
  const path = bytes.subarray(COMMAND_HEADER + 4, COMMAND_HEADER + 4 + length);
  return path.length === length ? path : undefined;
}
