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

/** A range of a damaged stream whose commands can't be read. */
export interface Loss {
  /** Bytes from the start of the stream; `to` is exclusive. */
  readonly from: number;
  readonly to: number;
  /**
   * Paths that lost commands are known to touch: those still legible in what is left of them, and
   * those of the commands just before and after, which as a rule go on with the same file.
   * Commands that lie wholly in bytes that are gone may touch others.
   */
  readonly paths: readonly Uint8Array[];
  /** It is one command, as long as it says; else there may have been others of any path. */
  readonly single: boolean;
}

/** So many losses are told apart; all that is behind the last of them counts to that one. */
const LOSSES_LIMIT = 4096;
/** So many paths are kept of one loss. */
const PATHS_LIMIT = 1000;
/**
 * For each byte passed over, so many may have their CRC computed in vain, and at most so many at
 * one go: in a stream made with bad intent a command may seem to begin every few bytes.
 */
const CHECKED_PER_BYTE = 4;
const CHECKED_LIMIT = 16 * 1024 * 1024;

/**
 * Finds out what a damaged stream has lost. It takes the bytes that can still be read and the
 * lengths of the gaps between them, and finds its way back to the next whole command by its
 * CRC. Nothing it passes over is ever to be received; it only serves to report.
 */
export class Salvage {
  readonly losses: Loss[] = [];
  readonly #version: StreamVersion;
  /** Readable bytes that no command was made of yet, and where the first of them stands. */
  #pending: Uint8Array = new Uint8Array(0);
  #offset = 0;
  /** Where the loss that is not over began. */
  #lostFrom: number | undefined;
  /** Where it ends, should it be one command only. */
  #lostTo: number | undefined;
  /** Bytes of which a CRC may still be computed in vain. */
  #allowance = CHECKED_LIMIT;
  #paths = new Map<string, Uint8Array>();
  #lastPath: Uint8Array | undefined;

  /** `version` as the manifest has it, since the header may be what is lost. */
  constructor(version: StreamVersion) {
    this.#version = version;
  }

  /** The next bytes of the stream, which may be reused afterwards. */
  push(piece: Uint8Array): void {
    this.#pending = Buffer.concat([this.#pending, piece]);
    this.#advance(false);
  }

  /** So many bytes of the stream are gone. */
  gap(length: number): void {
    this.#advance(true);
    this.#lose(this.#offset);
    this.#lostTo = undefined;
    this.#offset += this.#pending.length + length;
    this.#pending = new Uint8Array(0);
  }

  /** The stream has no more bytes. */
  finish(): readonly Loss[] {
    this.#advance(true);
    if (this.#pending.length > 0) this.#lose(this.#offset);
    this.#offset += this.#pending.length;
    this.#found(this.#offset, undefined);
    return this.losses;
  }

  /** Makes commands of what is pending; `last` when nothing will be added to that. */
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
        this.#found(this.#offset + at, command);
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

  /** The whole command of this length at `at`, if there is one. */
  #read(view: DataView, at: number, length: number): Command | undefined {
    if (at + length > view.byteLength || length > this.#allowance) return undefined;
    if (!attributesFit(view, at, at + length, this.#version)) return undefined;
    const command = readCommand(this.#pending.subarray(at, at + length), this.#version);
    if (command === undefined) this.#allowance -= length;
    return command;
  }

  /** A loss begins, unless one has; `length` of the command that seems to be lost. */
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

  /** A whole command begins at `at`, or the stream ends there: a loss before it is over. */
  #found(at: number, command: Command | undefined): void {
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
      this.#paths = new Map();
    }
    if (path !== undefined) this.#lastPath = new Uint8Array(path);
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

function isHeader(bytes: Uint8Array, version: StreamVersion): boolean {
  const found = viewOf(bytes).getUint32(MAGIC.length, true);
  return MAGIC.every((byte, i) => byte === bytes[i]) && found === version;
}

/** Bytes of the command that seems to begin at `at`; undefined when none can. */
function plausibleLength(view: DataView, at: number, version: StreamVersion): number | undefined {
  if (at + COMMAND_HEADER > view.byteLength) return undefined;
  const length = COMMAND_HEADER + view.getUint32(at, true);
  if (length > commandLimit[version]) return undefined;
  return layoutByNumber[view.getUint16(at + 4, true)] === undefined ? undefined : length;
}

function readCommand(bytes: Uint8Array, version: StreamVersion): Command | undefined {
  if (viewOf(bytes).getUint32(CRC_OFFSET, true) !== commandChecksum(bytes)) return undefined;
  try {
    return decodeCommand(bytes, 0, version);
  } catch {
    return undefined;
  }
}

/** Whether these may be a command's attributes: much cheaper to tell than its CRC. */
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

/** The path of a file that the command says something about; the root directory is none. */
function pathOf(command: Command): Uint8Array | undefined {
  if (command.type === 'SUBVOL' || command.type === 'SNAPSHOT' || command.type === 'END') {
    return undefined;
  }
  const path = command.type === 'RENAME' ? command.pathTo : command.path;
  return path.length === 0 ? undefined : path;
}

/** The path in what is left of a command: its first attribute, as the kernel writes most. */
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
