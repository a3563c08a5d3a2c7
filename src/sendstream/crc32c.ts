import { crc32c } from '@node-rs/crc32';
import { COMMAND_HEADER } from './commands.ts';

/** Offset of the CRC in the header of a command, bytes. */
export const CRC_OFFSET = 6;

/** Bytes up to which this loop is faster than the call into the library. */
const SHORT = 128;

/** The state that each byte makes of state 0. */
const ofByte = Uint32Array.from({ length: 256 }, (_, byte) => stateAfter(Uint8Array.of(byte), 0));

/**
 * Computes the CRC of a command with its header, ignoring the contents of its CRC field: CRC32C
 * with seed 0 and no final inversion, with that field taken as zero (send_cmd in the kernel's
 * fs/btrfs/send.c). Does not copy the payload.
 */
export function commandChecksum(command: Uint8Array): number {
  let state = 0;
  for (let i = 0; i < CRC_OFFSET; i += 1) state = next(state, command[i] as number);
  for (let i = CRC_OFFSET; i < COMMAND_HEADER; i += 1) state = next(state, 0);
  if (command.length > SHORT) return stateAfter(command.subarray(COMMAND_HEADER), state);
  for (let i = COMMAND_HEADER; i < command.length; i += 1) {
    state = next(state, command[i] as number);
  }
  return state >>> 0;
}

function next(state: number, byte: number): number {
  return (ofByte[(state ^ byte) & 0xff] as number) ^ (state >>> 8);
}

/** The library computes the usual CRC32C, which inverts the state before and after. */
function stateAfter(bytes: Uint8Array, state: number): number {
  return ~crc32c(bytes, ~state >>> 0) >>> 0;
}
