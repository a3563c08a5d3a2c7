import { formatUuid } from '../names/uuid.ts';
import { DATA, type Kind, type KindValue, kindLength } from './attributes.ts';
import {
  COMMAND_HEADER,
  type Command,
  type Layout,
  layoutByNumber,
  type Slot,
  type StreamVersion,
} from './commands.ts';
import { malformed } from './malformed.ts';

/** Longest name of an extended attribute: XATTR_NAME_MAX of Linux. */
const XATTR_NAME_MAX = 255;

/**
 * Decodes one command. The caller has checked its length and CRC.
 *
 * @param bytes the command with its header. Byte fields of the result are views into it.
 * @param offset bytes from the start of the stream
 * @throws {Failure} `stream-malformed` if the command is unknown or not of this version; if an
 *   attribute is unknown to the command, is repeated, or has a wrong length; or if one is missing
 */
export function decodeCommand(bytes: Uint8Array, offset: number, version: StreamVersion): Command {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const number = view.getUint16(4, true);
  const layout = layoutByNumber[number];
  if (layout === undefined) throw malformed(offset, `unknown command ${number}`);
  if (layout.since > version) {
    throw malformed(offset, `command ${layout.name} does not exist in version ${version}`);
  }

  const command: Record<string, unknown> = { type: layout.name, offset, bytes };
  const end = bytes.byteLength;
  let seen = 0;
  let at = COMMAND_HEADER;
  while (at < end) {
    if (end - at < 2) throw malformed(offset, `${layout.name} is cut off within an attribute`);
    const type = view.getUint16(at, true);
    const slot = layout.byNumber[type];
    if (slot === undefined) throw malformed(offset, `${layout.name} with attribute ${type}`);
    if ((seen & (1 << type)) !== 0) throw malformed(offset, `${what(layout, slot)} twice`);
    seen |= 1 << type;
    at += 2;

    let length = end - at;
    if (type !== DATA || version === 1) {
      if (length < 2) throw malformed(offset, `${layout.name} is cut off within an attribute`);
      length = view.getUint16(at, true);
      at += 2;
      if (length > end - at) {
        throw malformed(offset, `${what(layout, slot)} is longer than its command`);
      }
    }
    const expected = kindLength[slot.kind];
    if (expected !== undefined && length !== expected) {
      throw malformed(offset, `${what(layout, slot)} has ${length} bytes instead of ${expected}`);
    }

    command[slot.field] = decodedValue(slot.kind, view, bytes, at, length);
    if (slot.field === 'xattrName') checkXattrName(bytes, at, length, offset);
    at += length;
  }

  if ((seen & layout.required) !== layout.required) {
    const missing = layout.slots.find(
      (slot) => !slot.optional && (seen & (1 << slot.number)) === 0,
    ) as Slot;
    throw malformed(offset, `${layout.name} without ${missing.field}`);
  }
  return command as unknown as Command;
}

/** The value of an attribute of `length` bytes at `at`. Byte values are views. */
function decodedValue(
  kind: Kind,
  view: DataView,
  bytes: Uint8Array,
  at: number,
  length: number,
): KindValue[Kind] {
  switch (kind) {
    case 'u64':
      return view.getBigUint64(at, true);
    case 'u32':
      return view.getUint32(at, true);
    case 'uuid':
      return formatUuid(bytes, at);
    case 'timespec':
      return { sec: view.getBigInt64(at, true), nsec: view.getUint32(at + 8, true) };
    case 'path':
    case 'bytes':
      return bytes.subarray(at, at + length);
  }
}

function what(layout: Layout, slot: Slot): string {
  return `${layout.name} with ${slot.field}`;
}

/** `btrfs receive` reads the name up to its first NUL, so a NUL would disguise the real name. */
function checkXattrName(bytes: Uint8Array, at: number, length: number, offset: number): void {
  if (length === 0 || length > XATTR_NAME_MAX || bytes.subarray(at, at + length).includes(0)) {
    throw malformed(offset, 'name of an extended attribute is empty, too long or holds a NUL');
  }
}
