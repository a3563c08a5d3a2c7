import { crc32c } from '@node-rs/crc32';
import { COMMAND_HEADER } from './commands.ts';

/** Offset of the CRC in a command's header. */
export const CRC_OFFSET = 6;

/** A command's header up to its CRC; the four bytes of the CRC stay zero. */
const header = Buffer.alloc(COMMAND_HEADER);

/**
 * The CRC of a whole command, header included, whatever stands in its CRC field: CRC32C with
 * seed 0 and no final inversion, the field itself taken as zero (the kernel's send_cmd in
 * fs/btrfs/send.c). The library computes the usual CRC32C, inverted at both ends, so its seed
 * for state 0 is all ones, its result is the inverted state, and a result given back as seed
 * goes on from there. Nothing of the payload is copied.
 */
export function commandChecksum(command: Uint8Array): number {
  for (let i = 0; i < CRC_OFFSET; i += 1) header[i] = command[i] ?? 0;
  const inverted = crc32c(header, 0xffffffff);
  if (command.length === COMMAND_HEADER) return ~inverted >>> 0;
  return ~crc32c(command.subarray(COMMAND_HEADER), inverted) >>> 0;
}
