import { parseUuid } from '../names/uuid.ts';
import { type Field, PATH, type Timespec } from './attributes.ts';
import {
  COMMAND_HEADER,
  type CommandBody,
  commandLimit,
  layouts,
  MAGIC,
  type Slot,
  STREAM_HEADER,
  type StreamVersion,
} from './commands.ts';
import { CRC_OFFSET, commandChecksum } from './crc32c.ts';
import { nameProblem } from './paths.ts';

/** Encodes the header of a stream: 17 bytes. */
export function encodeHeader(version: StreamVersion): Uint8Array {
  const header = Buffer.alloc(STREAM_HEADER);
  header.set(MAGIC);
  header.writeUInt32LE(version, MAGIC.length);
  return header;
}

/**
 * Encodes a command as the kernel does, with attributes in its order, so decoding and encoding a
 * kernel's stream gives the same bytes. Does not check paths.
 *
 * @throws {RangeError} if the command is too large for this version
 */
export function encodeCommand(command: CommandBody, version: StreamVersion): Uint8Array {
  const layout = layouts[command.type];
  if (layout.since > version) {
    throw new RangeError(`${command.type} does not exist in version ${version}`);
  }
  const values = command as Partial<Record<Field, unknown>>;
  const parts: Uint8Array[] = [];
  for (const slot of layout.slots) {
    const value = values[slot.field];
    if (value === undefined && slot.optional) continue;
    const bytes = encodeValue(slot, value);
    const open = slot.field === 'data' && version === 2;
    parts.push(attributeHeader(slot.number, open ? undefined : bytes.length), bytes);
  }
  const sealed = sealCommand(layout.number, Buffer.concat(parts));
  if (sealed.length > commandLimit[version]) {
    throw new RangeError(`${command.type} of ${sealed.length} bytes is too long`);
  }
  return sealed;
}

/**
 * Makes a command of any number and payload, with its length and CRC. Tests use it for commands
 * that no kernel sends.
 */
export function sealCommand(number: number, payload: Uint8Array): Uint8Array {
  const command = Buffer.alloc(COMMAND_HEADER + payload.length);
  command.writeUInt32LE(payload.length, 0);
  command.writeUInt16LE(number, 4);
  command.set(payload, COMMAND_HEADER);
  command.writeUInt32LE(commandChecksum(command), CRC_OFFSET);
  return command;
}

/**
 * Changes the name of the subvolume in the first command of a stream, SUBVOL or SNAPSHOT.
 *
 * @param first the command with its header. It is not changed.
 * @throws {RangeError} if the name is not one component
 */
export function renameFirst(first: Uint8Array, name: Uint8Array): Uint8Array {
  const problem = nameProblem(name);
  if (problem !== undefined) throw new RangeError(`name of a subvolume ${problem}`);
  const view = Buffer.from(first.buffer, first.byteOffset, first.byteLength);
  let at = COMMAND_HEADER;
  while (view.readUInt16LE(at) !== PATH) at += 4 + view.readUInt16LE(at + 2);
  const after = at + 4 + view.readUInt16LE(at + 2);
  const payload = Buffer.concat([
    view.subarray(COMMAND_HEADER, at),
    attributeHeader(PATH, name.length),
    name,
    view.subarray(after),
  ]);
  return sealCommand(view.readUInt16LE(4), payload);
}

/** Encodes the type and length of an attribute, or the type alone. */
function attributeHeader(number: number, length: number | undefined): Uint8Array {
  const header = Buffer.alloc(length === undefined ? 2 : 4);
  header.writeUInt16LE(number, 0);
  if (length !== undefined) header.writeUInt16LE(length, 2);
  return header;
}

function encodeValue(slot: Slot, value: unknown): Uint8Array {
  const bytes = Buffer.alloc(12);
  switch (slot.kind) {
    case 'u64':
      return bytes.subarray(0, bytes.writeBigUInt64LE(value as bigint));
    case 'u32':
      return bytes.subarray(0, bytes.writeUInt32LE(value as number));
    case 'timespec': {
      const { sec, nsec } = value as Timespec;
      return bytes.subarray(0, bytes.writeUInt32LE(nsec, bytes.writeBigInt64LE(sec)));
    }
    case 'uuid':
      return parseUuid(value as string);
    default:
      return value as Uint8Array;
  }
}
