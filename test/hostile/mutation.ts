import { COMMAND_HEADER, STREAM_HEADER } from '../../src/sendstream/commands.ts';
import { sealCommand } from '../../src/sendstream/writer.ts';

/**
 * Changes to bytes, as plain values: so that a property test can shrink them, and a long run can
 * draw them from a seed.
 */
export interface Mutation {
  readonly kind: MutationKind;
  /** Where: taken modulo what there is. */
  readonly at: number;
  /** The kind of change: a byte, a word, or another place. */
  readonly value: number;
  /** How many bytes. */
  readonly length: number;
}

export const mutationKinds = [
  'flip',
  'byte',
  'word16',
  'word32',
  'insert',
  'remove',
  'repeat',
  'copy',
  'cut',
] as const;
export type MutationKind = (typeof mutationKinds)[number];

/** Numbers at which programs change their mind. */
export const telling: readonly number[] = [
  ...[0, 1, 2, 3, 4, 7, 8, 9, 10, 15, 16, 17, 22, 25, 31, 32, 64, 0x7f, 0x80, 0xff, 0x100, 0xfff],
  ...[0x1000, 0x7fff, 0x8000, 0xfff6, 0xffff, 0x10000, 0x1fff6, 0x20000, 0x2fff6, 0x30000],
  ...[0x1fffff, 0x200000, 0x200001, 0x7fffffff, 0x80000000, 0xfffffff6, 0xffffffff],
];

/** Nothing grows beyond this, so that repeating what was repeated ends. */
const LENGTH_MAX = 1 << 20;

/** The bytes with these changes made, one after another. */
export function mutate(bytes: Uint8Array, mutations: readonly Mutation[]): Buffer {
  return mutations.reduce<Buffer>(changed, Buffer.from(bytes));
}

function changed(bytes: Buffer, { kind, at, value, length }: Mutation): Buffer {
  const here = bytes.length === 0 ? 0 : at % bytes.length;
  const end = Math.min(bytes.length, here + length);
  const put = (size: number, write: (place: number) => void) => {
    if (here + size <= bytes.length) write(here);
    return bytes;
  };
  switch (kind) {
    case 'flip':
      return put(1, (place) =>
        bytes.writeUInt8(bytes.readUInt8(place) ^ (1 << (value % 8)), place),
      );
    case 'byte':
      return put(1, (place) => bytes.writeUInt8(value & 0xff, place));
    case 'word16':
      return put(2, (place) => bytes.writeUInt16LE(value & 0xffff, place));
    case 'word32':
      return put(4, (place) => bytes.writeUInt32LE(value >>> 0, place));
    case 'insert':
      return joined(
        bytes.subarray(0, here),
        Buffer.alloc(length, value & 0xff),
        bytes.subarray(here),
      );
    case 'remove':
      return joined(bytes.subarray(0, here), bytes.subarray(end));
    case 'repeat':
      return joined(bytes.subarray(0, end), bytes.subarray(here));
    case 'copy': {
      const to = bytes.length === 0 ? 0 : value % bytes.length;
      return joined(bytes.subarray(0, to), bytes.subarray(here, end), bytes.subarray(to));
    }
    case 'cut':
      return Buffer.from(bytes.subarray(0, here));
  }
}

function joined(...parts: Uint8Array[]): Buffer {
  const all = Buffer.concat(parts);
  return all.length > LENGTH_MAX ? all.subarray(0, LENGTH_MAX) : all;
}

/**
 * The stream with these changes made to its commands as a whole, or within one of them, and with
 * checksums that fit: what is behind the checksum has to be reached.
 */
export function mutateCommands(stream: Uint8Array, mutations: readonly Mutation[]): Buffer {
  const bytes = Buffer.from(stream);
  const commands: { number: number; payload: Buffer }[] = [];
  let at = STREAM_HEADER;
  while (at + COMMAND_HEADER <= bytes.length) {
    const end = at + COMMAND_HEADER + bytes.readUInt32LE(at);
    if (end > bytes.length) break;
    const payload = bytes.subarray(at + COMMAND_HEADER, end);
    commands.push({ number: bytes.readUInt16LE(at + 4), payload });
    at = end;
  }
  for (const mutation of mutations) {
    if (commands.length === 0) break;
    const here = mutation.at % commands.length;
    const command = commands[here] as { number: number; payload: Buffer };
    switch (mutation.length % 6) {
      case 0:
        commands.splice(here, 1);
        break;
      case 1:
        commands.splice(mutation.value % commands.length, 0, command);
        break;
      case 2:
        commands[here] = { ...command, number: mutation.value % 32 };
        break;
      default: {
        const within = { ...mutation, at: mutation.value, value: mutation.at };
        commands[here] = { ...command, payload: changed(Buffer.from(command.payload), within) };
      }
    }
  }
  const sealed = commands.map(({ number, payload }) => sealCommand(number, payload));
  return Buffer.concat([bytes.subarray(0, STREAM_HEADER), ...sealed, bytes.subarray(at)]);
}
